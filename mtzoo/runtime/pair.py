"""A resize and a crop network on one image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.errors import UserError
from mtzoo.ops.geometry import CropWindow
from mtzoo.plain_data import build
from mtzoo.postprocess.merge import MergeRule, merge
from mtzoo.runtime.feeds import check_image
from mtzoo.runtime.model import DeployModel
from mtzoo.structures import Prediction, Xyxy


@dataclass(frozen=True)
class PairPrediction:
    """What a pair predicts for one image.

    Attributes:
        resize: The prediction of the resize network.
        crop: The prediction of the crop network.
        merged: Both merged.
        window: The part that the crop network saw, xyxy in pixels of the image.
    """

    resize: Prediction
    crop: Prediction
    merged: Prediction
    window: Xyxy


class ModelPair:
    """A resize model and a crop model whose predictions are merged."""

    def __init__(self, resize: DeployModel, crop: DeployModel, rule: MergeRule) -> None:
        """Combine two loaded models.

        Args:
            resize: A model of the whole image.
            crop: A model of a window at full resolution.
            rule: The thresholds of the merge: `merge` of the crop model's config.

        Raises:
            UserError: A model is of the wrong kind or reads several images at once, or the models have different classes for one task.
        """
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

    @classmethod
    def load(cls, resize: str | Path, crop: str | Path, executor: str = "openvino", threads: int | None = None, *,
             window: CropWindow | None = None) -> "ModelPair":
        """Load two deploy models, which are merged by the rule in the crop model's config.

        Args:
            resize: A model of the whole image: an `.onnx` file, or the name of a zoo model.
            crop: A model of a window at full resolution.
            executor: `"openvino"` or `"onnxruntime"`.
            threads: CPU threads. Default: one for each core.
            window: The position of the window, instead of the crop model's own.

        Raises:
            UserError: A file is missing, was changed, or was not written by mtzoo, or the models are no pair.
        """
        near, far = (DeployModel(path, executor=executor, threads=threads) for path in (resize, crop))
        rule = build(MergeRule, far.info.config.get("merge", {}), "merge")
        return cls(near, far.at(window) if window else far, rule)

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names, of both models."""
        return {**self.crop.classes, **self.resize.classes}

    @property
    def box_classes(self) -> dict[str, tuple[str, ...]]:
        """The same of the detection tasks alone."""
        return {**self.crop.box_classes, **self.resize.box_classes}

    def predict_each(self, image: np.ndarray) -> PairPrediction:
        """Predict with each model and merge.

        Args:
            image: (H, W, 3) uint8 BGR of any size.

        Returns:
            All three predictions in pixels of the image.
        """
        check_image(image)
        window = self.window(image.shape[:2])
        resize, crop = self.resize.predict(image), self.crop.predict(image)
        return PairPrediction(resize, crop, merge(resize, crop, window, self.rule), window)

    def predict(self, image: np.ndarray) -> Prediction:
        """Predict with both models.

        Args:
            image: (H, W, 3) uint8 BGR of any size.

        Returns:
            The merged prediction in pixels of the image.
        """
        return self.predict_each(image).merged

    def window(self, original_hw: tuple[int, int]) -> Xyxy:
        """The part of an image that the crop model sees, xyxy in pixels of the image.

        Args:
            original_hw: Height and width of the image in pixels.
        """
        return self.crop.info.geometry.view(original_hw).visible
