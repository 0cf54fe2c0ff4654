"""Configs with wrong values."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.config import config_from_dict
from mtzoo.config.load import plain
from mtzoo.engine.checks import check_network
from tests.robustness.base import Base
from tests.robustness.fuzz import Case
from tests.robustness.mutations import mutated


def configs(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: plain values changed in one to three places, built and checked as every verb does before its work."""
    while True:
        values = mutated(copy.deepcopy(base.values), rng, most=3)
        yield lambda values=values: build(values)


def build(values: Any) -> None:
    check_network(config_from_dict(plain(values)))
