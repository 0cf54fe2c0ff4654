"""A deploy model, ready to look at images."""

import os
from pathlib import Path

import numpy as np
import torch

from mtzoo.errors import UserError
from mtzoo.export.boxes import IM_HW
from mtzoo.export.info import DeployInfo
from mtzoo.export.load import read_deploy_file
from mtzoo.export.network import IMAGE
from mtzoo.ops.geometry import label_map_to_original
from mtzoo.postprocess import LabelMapDecoder, to_prediction
from mtzoo.runtime.executors import Arrays, Executor, build_executor
from mtzoo.structures import Detections, Prediction, RawOutputs


class DeployModel:
    """Runs a file that `mtzoo.export` wrote: with post-processing inside (step 3) or with raw maps (steps 0 to 2)."""

    def __init__(self, info: DeployInfo, executor: Executor) -> None:
        self.info, self.executor = info, executor
        self.needs_original_size = any(tensor.name == IM_HW for tensor in info.inputs)

    @classmethod
    def load(cls, path: Path, executor: str = "openvino", threads: int | None = None) -> "DeployModel":
        """executor: "openvino" or "onnxruntime"; threads: by default one for each core.

        Raises UserError for a file that is missing, foreign or changed, and for an executor that is not installed.
        """
        file = read_deploy_file(path)
        return cls(file.info, build_executor(executor, file.model, threads or os.cpu_count() or 1))

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names, in the order of their ids."""
        return {name: task.classes for name, task in self.info.tasks.items()}

    def run(self, images: np.ndarray, im_hw: np.ndarray) -> Arrays:
        """The model as it is: images (1, 3, H, W) uint8 BGR, im_hw (1, 2) float32 original height and width -> outputs by
        name. Raises UserError for another shape or dtype."""
        expected = next(tensor for tensor in self.info.inputs if tensor.name == IMAGE)
        if images.shape != expected.shape or images.dtype != np.uint8:
            raise UserError(f"images are {images.dtype} {images.shape}; the model reads {expected.dtype} {expected.shape}")
        feeds = {IMAGE: images}
        if self.needs_original_size:
            feeds[IM_HW] = np.asarray(im_hw, dtype=np.float32).reshape(1, 2)
        return self.executor.run(feeds)

    def predict(self, image: np.ndarray) -> Prediction:
        """An image (H, W, 3) uint8 BGR of any size -> what the model says, in its pixels."""
        return self.predict_input(self.info.geometry.apply(image), image.shape[:2])

    def predict_input(self, image: np.ndarray, original_hw: tuple[int, int]) -> Prediction:
        """The same from an image (input_h, input_w, 3) that `geometry.apply` has made from one of `original_hw`."""
        batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None])  # (1, 3, H, W)
        return self.prediction(self.run(batch, np.array([original_hw])), original_hw)

    def prediction(self, outputs: Arrays, original_hw: tuple[int, int]) -> Prediction:
        """What the outputs of one image mean, in original pixels. A file without post-processing gets it here."""
        to_input, result = self.info.geometry.affine(original_hw), Prediction()
        for name, task in self.info.tasks.items():
            if f"{name}.labels" in outputs and isinstance(task.decoder, LabelMapDecoder):
                labels = outputs[f"{name}.labels"][0, 0]
                result.label_maps[name] = label_map_to_original(labels, task.decoder.map_stride, to_input, original_hw)
            elif f"{name}.boxes" in outputs:
                result.detections[name] = _detections(outputs, name)
            else:
                raw = {name: raw_outputs(outputs)[name]}
                decoded = to_prediction(raw, [to_input], [original_hw], {name: task.decoder})[0]
                result.detections.update(decoded.detections)
                result.label_maps.update(decoded.label_maps)
        return result


def _detections(outputs: Arrays, task: str) -> Detections:
    count = int(outputs[f"{task}.count"][0])
    boxes, scores, classes = (outputs[f"{task}.{key}"][0, :count] for key in ("boxes", "scores", "classes"))
    return Detections(boxes, scores, classes.astype(np.int64))


def raw_outputs(outputs: Arrays) -> RawOutputs:
    """{"det_person.cls_s8": array} -> {"det_person": {"cls_s8": tensor}}."""
    nested: RawOutputs = {}
    for key, value in outputs.items():
        task, _, output = key.partition(".")
        nested.setdefault(task, {})[output] = torch.from_numpy(value)
    return nested
