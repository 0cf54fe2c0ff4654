"""`--min-score`: below which score boxes are left out, for all classes and for some."""

import argparse

from mtzoo.recipes.predict.min_score import DEFAULT, MinScore


def parse_min_score(text: str) -> MinScore:
    """ "0.3" or "0.3,person=0.5"."""
    every, of = DEFAULT, {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        if equals:
            of[name.strip()] = _score(value)
        else:
            every = _score(value)
    return MinScore(every, of)


def _score(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a score from 0 to 1")
    return value
