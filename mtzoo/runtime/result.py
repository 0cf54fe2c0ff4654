"""What a deploy model says of one image, with the image itself: boxes and classes with names, label maps, a picture, COCO's form."""

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
"""Of the boxes that are drawn, as `mtzoo predict` does."""


@dataclass(frozen=True)
class Box:
    """task: that found it; label: name of its class; score: 0 to 1; xyxy: in pixels of the image."""

    task: str
    label: str
    score: float
    xyxy: Xyxy


@dataclass(frozen=True)
class ImageLabel:
    """The class of the whole image. label: its name; score: 0 to 1; scores: name of every class -> its score."""

    label: str
    score: float
    scores: Mapping[str, float]


@dataclass(kw_only=True)
class Result(Prediction):
    """A prediction in pixels of its image. image: (H, W, 3) uint8 BGR; classes: task -> class names, in the order of their ids; window:
    what a crop model saw of it, xyxy; path: the image's or video's file, None for an array and a camera; seconds: of a frame, from the
    first one of its video or camera."""

    image: np.ndarray
    classes: Mapping[str, tuple[str, ...]]
    window: Xyxy | None = None
    path: Path | None = None
    seconds: float | None = None

    @property
    def boxes(self) -> list[Box]:
        """The boxes of all detection tasks by falling score, the weakest ones that the model gives included."""
        found = [Box(task, self.classes[task][int(label)], float(score), tuple(float(value) for value in xyxy))
                 for task, detections in self.detections.items()
                 for xyxy, score, label in zip(detections.boxes, detections.scores, detections.labels)]
        return sorted(found, key=lambda box: -box.score)

    @property
    def labels(self) -> Mapping[str, np.ndarray]:
        """Segmentation task -> (H, W) uint8 of class ids: `classes[task][id]` is a name."""
        return self.label_maps

    @property
    def image_labels(self) -> dict[str, ImageLabel]:
        """Classification task -> the class of the whole image."""
        return {task: ImageLabel(names[found.label], found.score, dict(zip(names, found.probabilities.tolist())))
                for task, found in self.classifications.items() for names in [self.classes[task]]}

    def plot(self, *, min_score: float = MIN_SCORE, legend: bool = True) -> np.ndarray:
        """The image with label maps, boxes from `min_score` on, classes of the image, and a legend: (H, W, 3) uint8 BGR, as OpenCV
        shows and writes it."""
        return draw_prediction(self.image, self, self.classes, min_score=min_score, window=self.window, legend=legend)

    def save(self, path: str | Path, *, min_score: float = MIN_SCORE) -> Path:
        """`plot` as an image file. Raises UserError for an ending that is no image's, and where it cannot be written."""
        path = Path(path)
        try:
            data = cv2.imencode(path.suffix, self.plot(min_score=min_score))[1].tobytes()
        except cv2.error as error:
            raise UserError(f"{path}: expected an image file, e.g. {path.with_suffix('.jpg')}") from error
        write_whole(path, data, "choose another place")
        return path

    def to_coco(self, *, min_score: float = 0.0) -> dict[str, Any]:
        """Boxes from `min_score` on as COCO's plain data: "images" (this one), "annotations" with bbox (x, y, width, height) and score,
        "categories" of all detection tasks."""
        boxes = [(box.label, box.xyxy, box.score) for box in self.boxes if box.score >= min_score]
        names = list(dict.fromkeys(name for task in self.detections for name in self.classes[task]))
        return coco_values([SavedImage("" if self.path is None else self.path.name, self.image.shape[:2], boxes)], names)
