"""Where the time of a frame goes, from the image file to the picture with the answers: the steps of `mtzoo predict`, one by one."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.images import read_image
from mtzoo.errors import UserError
from mtzoo.postprocess.merge import merge
from mtzoo.runtime.feeds import feeds_for
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from mtzoo.runtime.timing import WARM_UP, machine
from mtzoo.structures import Prediction
from mtzoo.visualization.draw import draw_prediction

DECODE, RESIZE, LAYOUT, NETWORK, BOXES, MERGE, LABELS, DRAWING = STAGES = (
    "decode", "resize or cut", "colour and layout", "network", "boxes", "merge", "label maps to original size", "drawing")
NOT_HOST = (DECODE, NETWORK, DRAWING)


@dataclass(frozen=True)
class FrameTimes:
    """One row for each stage: (name, which model or "", median ms, quickest ms), in the order in which a frame passes them; images: how
    many; original_hw: of the images, or None where they have different sizes."""

    machine: str
    threads: int
    runs: int
    images: int
    original_hw: tuple[int, int] | None
    rows: tuple[tuple[str, str, float, float], ...]

    @property
    def total_ms(self) -> float:
        return sum(median for _, _, median, _ in self.rows)

    @property
    def host_ms(self) -> float:
        """All but decoding, network and drawing: what a camera's frame costs besides the network."""
        return sum(median for stage, _, median, _ in self.rows if stage not in NOT_HOST)


def time_frames(model: DeployModel | ModelPair, files: Sequence[Path], threads: int, runs: int,
                on_frame: Callable[[int], None] | None = None) -> FrameTimes:
    """`runs` frames, the files in turns, after a few untimed ones. threads: of OpenCV; the model has its own.

    Raises UserError for an image that cannot be read, and for a model from elsewhere: only its user can read its outputs.
    """
    frames, sizes = [], set()
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        for i, path in zip(range(-min(WARM_UP, runs), runs), itertools.cycle(files)):
            clock = _Clock()
            sizes.add(_pass_frame(model, path, clock))
            if i >= 0:
                frames.append(clock.ms)
                if on_frame is not None:
                    on_frame(i + 1)
    finally:
        cv2.setNumThreads(before)
    rows = ((*key, statistics.median(frame[key] for frame in frames), min(frame[key] for frame in frames)) for key in frames[0])
    return FrameTimes(machine(), threads, runs, min(len(files), runs), sizes.pop() if len(sizes) == 1 else None, tuple(rows))


class _Clock:
    """ms: (stage, which model) -> milliseconds."""

    def __init__(self) -> None:
        self.ms: dict[tuple[str, str], float] = {}

    @contextmanager
    def stage(self, name: str, of: str = "") -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.ms[name, of] = (time.perf_counter() - start) * 1e3


def _pass_frame(model: DeployModel | ModelPair, path: Path, clock: _Clock) -> tuple[int, int]:
    """One image through all stages. Returns its (height, width)."""
    with clock.stage(DECODE):
        image = read_image(path)
    prediction = _look_as_pair(model, image, clock) if isinstance(model, ModelPair) else _look(model, image, clock)
    with clock.stage(LABELS):
        list(prediction.label_maps.values())
    with clock.stage(DRAWING):
        draw_prediction(image, prediction, model.classes, window=model.window(image.shape[:2]))
    return image.shape[:2]


def _look_as_pair(pair: ModelPair, image: np.ndarray, clock: _Clock) -> Prediction:
    resize, crop = _look(pair.resize, image, clock, "resize"), _look(pair.crop, image, clock, "crop")
    with clock.stage(MERGE):
        return merge(resize, crop, pair.window(image.shape[:2]), pair.rule)


def _look(model: DeployModel, image: np.ndarray, clock: _Clock, of: str = "") -> Prediction:
    """`DeployModel.predict` in steps. Label maps stay small: nobody has read them yet."""
    if model.info.signature is not None:
        raise UserError("--images: this model has the outputs of a network from elsewhere, so there are no boxes or label "
                        "maps to read; measure it without --images")
    hw = image.shape[:2]
    with clock.stage(RESIZE, of):
        shown = model.info.geometry.view(hw).show(image)
    with clock.stage(LAYOUT, of):
        feeds = feeds_for(model.info, shown, hw)
    with clock.stage(NETWORK, of):
        outputs = model.run(feeds)
    with clock.stage(BOXES, of):
        return model.prediction(outputs, hw)
