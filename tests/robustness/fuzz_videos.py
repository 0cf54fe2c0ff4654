"""Damaged videos through what `predict` does with one; the network is left out."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np

from mtzoo.recipes.predict import predict_files
from mtzoo.recipes.predict.min_score import MinScore
from mtzoo.recipes.predict.output import Output
from mtzoo.structures import Prediction
from tests.robustness.base import Base
from tests.robustness.fuzz import Case
from tests.robustness.mutations import damaged_bytes


class Blind:
    """A model that sees nothing."""

    def predict(self, image: np.ndarray) -> Prediction:
        return Prediction()

    def window(self, original_hw: tuple[int, int]) -> None:
        return None


def videos(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: one damaged mp4 or avi, sometimes with the other's ending."""
    good = {suffix: (base.root / f"video{suffix}").read_bytes() for suffix in (".mp4", ".avi")}
    for number in count():
        kind, ending = ((".mp4", ".avi")[int(v)] for v in rng.integers(0, 2, 2))
        path = folder / f"{number}{ending}"
        path.write_bytes(forged(good[kind], rng) if rng.random() < 0.5 else damaged_bytes(good[kind], rng))
        yield lambda path=path: predict(path, folder / "seen")
        path.unlink()


def forged(data: bytes, rng: np.random.Generator) -> bytes:
    """One of the first 32-bit numbers of the head set to an extreme: sizes, rates, counts."""
    changed = bytearray(data)
    places = [data.find(name) + 4 for name in (b"moov", b"mvhd", b"tkhd", b"mdhd", b"stts", b"stsz", b"stco", b"avih", b"strh", b"strf")
              if name in data] or [0]
    at = places[int(rng.integers(len(places)))] + 4 * int(rng.integers(12))
    changed[at:at + 4] = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", rng.bytes(4))[int(rng.integers(5))]
    return bytes(changed)


def predict(path: Path, out: Path) -> list[str]:
    """Lines of the videos that could not be read."""
    output = Output(out, {}, MinScore(0.3))
    failed = predict_files(Blind(), [(path, Path(path.name))], output)
    output.write_results({})
    return ["unreadable"] if failed else []
