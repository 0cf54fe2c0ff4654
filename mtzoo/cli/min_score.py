"""`--min-score`: below which score boxes are left out, for all classes and for some."""

import argparse

from mtzoo.recipes.predict.min_score import DEFAULT, MinScore


def parse_min_score(text: str) -> MinScore:
    """ "0.3" or "0.3,person=0.5"."""
    scores: dict[str | None, float] = {}  # None: every class that has none of its own
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        key = name.strip() if equals else None
        if key in scores:
            raise argparse.ArgumentTypeError(f"'{text}' has two scores for {'all classes' if key is None else f'the class {key}'}")
        scores[key] = _score(value)
    return MinScore(scores.pop(None, DEFAULT), scores)


def _score(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a score from 0 to 1")
    return value
