"""What a deploy model says of one image, with the image itself: boxes and classes with names, label maps, a picture, COCO's form."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mtzoo.data.saved_labels import SavedImage, coco_values
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.structures import Prediction, Xyxy
from mtzoo.visualization.draw import draw_prediction

MIN_SCORE = 0.3
"""Lowest score of the boxes that are drawn, as in `mtzoo predict`."""


@dataclass(frozen=True)
class Box:
    """A detected object.

    Attributes:
        task: The task that found it.
        label: The name of its class.
        score: 0 to 1.
        xyxy: Left, top, right, bottom in pixels of the image.
    """

    task: str
    label: str
    score: float
    xyxy: Xyxy


@dataclass(frozen=True)
class ImageLabel:
    """The class of a whole image.

    Attributes:
        label: The name of the class.
        score: 0 to 1.
        scores: The score of every class by name.
    """

    label: str
    score: float
    scores: Mapping[str, float]


@dataclass(kw_only=True)
class Result(Prediction):
    """What a deploy model predicts for one image, in pixels of that image.

    Attributes:
        image: The image, (H, W, 3) uint8 BGR.
        classes: Task -> class names. A class id is an index into them.
        window: The part that a crop model saw, xyxy. None for a model of the whole image.
        path: The file of the image or the video. None for an array, a camera and a stream.
        seconds: The time of a frame since the first one of its video or camera. None for an image.
        detections: Detection task -> arrays `boxes` (D, 4) xyxy, `scores` (D,), `labels` (D,) of class ids, by falling score.
        label_maps: The same as `labels`.
        classifications: Classification task -> `label` (class id), `probabilities` (K,), `score`.
    """

    image: np.ndarray
    classes: Mapping[str, tuple[str, ...]]
    window: Xyxy | None = None
    path: Path | None = None
    seconds: float | None = None

    def __repr__(self) -> str:
        """What there is, in a few lines: no arrays."""
        height, width = self.image.shape[:2]
        shown = Counter(box.label for box in self.boxes if box.score >= MIN_SCORE)
        said = [f"{task}: {label.label} ({label.score:.2f})" for task, label in self.image_labels.items()]
        if self.detections:
            counts = ", ".join(f"{count} {name}" for name, count in shown.most_common()) or "none"
            said.append(f"boxes with a score of at least {MIN_SCORE:g}: {counts}; {len(self.boxes)} boxes in all")
        if self.label_maps:
            said.append(f"label maps: {', '.join(self.label_maps)}")
        where = "" if self.path is None else f" {self.path.name}"
        return f"<Result{where} {width}x{height}: {'; '.join(said)}>"

    @property
    def boxes(self) -> list[Box]:
        """The boxes of all detection tasks by falling score, those with low scores included."""
        found = [Box(task, self.classes[task][int(label)], float(score), tuple(float(value) for value in xyxy))
                 for task, detections in self.detections.items()
                 for xyxy, score, label in zip(detections.boxes, detections.scores, detections.labels)]
        return sorted(found, key=lambda box: -box.score)

    @property
    def labels(self) -> Mapping[str, np.ndarray]:
        """Segmentation task -> (H, W) uint8 of class ids. `classes[task][id]` is the name."""
        return self.label_maps

    @property
    def image_labels(self) -> dict[str, ImageLabel]:
        """Classification task -> class of the whole image."""
        return {task: ImageLabel(names[found.label], found.score, dict(zip(names, found.probabilities.tolist())))
                for task, found in self.classifications.items() for names in [self.classes[task]]}

    def plot(self, *, min_score: float = MIN_SCORE, legend: bool = True) -> np.ndarray:
        """Draw label maps, boxes and classes over the image.

        Args:
            min_score: Leave out boxes with a lower score.
            legend: Draw the names and colours of the classes.

        Returns:
            (H, W, 3) uint8 BGR, as OpenCV shows and writes it.
        """
        return draw_prediction(self.image, self, self.classes, min_score=min_score, window=self.window, legend=legend)

    def save(self, path: str | Path, *, min_score: float = MIN_SCORE) -> Path:
        """Write the picture of `plot` to a file.

        Args:
            path: The file. Its suffix is that of an image format, e.g. `.jpg`.
            min_score: Leave out boxes with a lower score.

        Returns:
            The path.

        Raises:
            UserError: The suffix is no image format, the format cannot hold the picture, or the file cannot be written.
        """
        path = Path(path)
        try:
            encoded, data = cv2.imencode(path.suffix, self.plot(min_score=min_score))
        except cv2.error as error:
            raise UserError(f"{path}: expected an image file, e.g. {path.with_suffix('.jpg')}") from error
        if not encoded:
            height, width = self.image.shape[:2]
            raise UserError(f"{path}: this format cannot hold a colour picture of {width}x{height}; use {path.with_suffix('.png')}")
        write_whole(path, data.tobytes(), "choose another place")
        return path

    def to_coco(self, *, min_score: float = 0.0) -> dict[str, Any]:
        """The boxes in COCO format.

        Args:
            min_score: Leave out boxes with a lower score.

        Returns:
            Plain data: `images` (this one), `annotations` with `bbox` (x, y, width, height) in pixels and `score`, and the
            `categories` of all detection tasks.
        """
        boxes = [(box.label, box.xyxy, box.score) for box in self.boxes if box.score >= min_score]
        names = list(dict.fromkeys(name for task in self.detections for name in self.classes[task]))
        return coco_values([SavedImage("" if self.path is None else self.path.name, self.image.shape[:2], boxes)], names)
