"""A resize and a crop network on one image."""

from dataclasses import dataclass

import numpy as np

from mtzoo.errors import UserError
from mtzoo.postprocess import MergeRule, merge
from mtzoo.runtime.feeds import check_image
from mtzoo.runtime.model import DeployModel
from mtzoo.structures import Prediction, Xyxy


@dataclass(frozen=True)
class PairPrediction:
    """resize, crop: what each network says; merged: both; window: what the crop saw, xyxy in original pixels."""

    resize: Prediction
    crop: Prediction
    merged: Prediction
    window: Xyxy


class ModelPair:
    """Looks at an image with both networks and merges what they say."""

    def __init__(self, resize: DeployModel, crop: DeployModel, rule: MergeRule) -> None:
        """Raises UserError if the first sees a window, the second does not, one reads several images at once, or a task of both has
        other classes."""
        if resize.info.geometry.window is not None:
            raise UserError("--resize names a model that sees a window; name one of the whole image, e.g. of 4pe_resize")
        if crop.info.geometry.window is None:
            raise UserError("--crop names a model that sees the whole image; name one of a window, e.g. of 4pe_crop")
        if resize.info.batch > 1 or crop.info.batch > 1:
            raise UserError("a model of a pair reads several images at once; export it without --batch")
        for task in resize.classes.keys() & crop.classes.keys():
            if resize.classes[task] != crop.classes[task]:
                raise UserError(f"task '{task}': the resize model's classes are {', '.join(resize.classes[task])}, the crop model's "
                                f"{', '.join(crop.classes[task])}; answers of different classes cannot be merged")
        self.resize, self.crop, self.rule = resize, crop, rule

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names, of both."""
        return {**self.crop.classes, **self.resize.classes}

    def predict_each(self, image: np.ndarray) -> PairPrediction:
        """An image (H, W, 3) uint8 BGR of any size -> what either says and both together, in its pixels."""
        check_image(image)
        window = self.window(image.shape[:2])
        resize, crop = self.resize.predict(image), self.crop.predict(image)
        return PairPrediction(resize, crop, merge(resize, crop, window, self.rule), window)

    def predict(self, image: np.ndarray) -> Prediction:
        """The merged prediction alone."""
        return self.predict_each(image).merged

    def window(self, original_hw: tuple[int, int]) -> Xyxy:
        """What the crop network sees of an image of this size, xyxy in its pixels."""
        return self.crop.info.geometry.view(original_hw).visible
