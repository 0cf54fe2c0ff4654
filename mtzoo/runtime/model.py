"""A deploy model, ready to look at images."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch

from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.label_bound import inexact_label_maps
from mtzoo.deploy.load import read_deploy_file
from mtzoo.errors import Caution, UserError
from mtzoo.locate import find_model
from mtzoo.ops.geometry import CropWindow
from mtzoo.postprocess import to_prediction
from mtzoo.runtime.answers import ANSWERS, Seen
from mtzoo.runtime.executors import Arrays, Executor, build_executor
from mtzoo.runtime.feeds import check_feeds, check_image, feeds_for_images
from mtzoo.runtime.model_cache import cache_folder
from mtzoo.runtime.result import Result
from mtzoo.runtime.sources import Source, is_image, read_frames
from mtzoo.structures import Prediction, RawOutputs, Xyxy


class DeployModel:
    """Runs a file that `mtzoo export` wrote: with post-processing inside (step 3) or with raw maps (steps 0 to 2).

        model = DeployModel("real_resize")
        model.predict("photo.jpg").save("seen.jpg")
    """

    def __init__(self, model: str | Path, executor: str = "openvino", threads: int | None = None, *, cache: bool = True) -> None:
        """model: an .onnx file, or the name of a zoo model (`mtzoo.list_models`); executor: "openvino" or "onnxruntime"; threads: by
        default one for each core; cache: keep what OpenVINO has compiled in the user's cache folder, and use what is kept there
        (`mtzoo.runtime.model_cache`).

        Raises UserError for a file that is missing, foreign or changed, and for an executor that is not installed.
        Warns (`mtzoo.errors.Caution`) where layers run in float32, because this CPU's int8 kernels would saturate, and of a file whose
        label maps its integers do not keep exact.
        """
        file = read_deploy_file(find_model(model))
        if inexact := inexact_label_maps(file.model, file.info):
            warnings.warn(f"{file.path}: the logits of {', '.join(inexact)} can be too large to be enlarged exactly, so label maps may "
                          "differ between executors; export the model again", Caution, stacklevel=2)
        threads = (os.cpu_count() or 1) if threads is None else threads
        self.info = file.info
        self.executor = build_executor(executor, file.model, threads, cache_folder() if cache else None)

    @classmethod
    def of(cls, info: DeployInfo, executor: Executor) -> "DeployModel":
        """A model that an executor holds already."""
        model = cls.__new__(cls)
        model.info, model.executor = info, executor
        return model

    @classmethod
    def load(cls, path: str | Path, executor: str = "openvino", threads: int | None = None, *, cache: bool = True) -> "DeployModel":
        """The same as `DeployModel(path, ...)`."""
        return cls(path, executor, threads, cache=cache)

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names, in the order of their ids."""
        return {name: task.classes for name, task in self.info.tasks.items()}

    def window(self, original_hw: tuple[int, int]) -> Xyxy | None:
        """What a crop model sees of an image of this size, xyxy in its pixels; None for a model of the whole image."""
        geometry = self.info.geometry
        return geometry.view(original_hw).visible if geometry.window else None

    def at(self, window: CropWindow) -> "DeployModel":
        """The same model with its window elsewhere. Raises UserError if the model reads no window."""
        if self.info.geometry.window is None:
            raise UserError("the model sees the whole image, not a window of it; name a crop model, e.g. of 4pe_crop")
        return DeployModel.of(replace(self.info, geometry=replace(self.info.geometry, window=window)), self.executor)

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """The model as it is: inputs by name -> outputs by name. Raises UserError for inputs it does not read."""
        check_feeds(self.info, feeds)
        return self.executor.run(feeds)

    @overload
    def predict(self, source: np.ndarray) -> Result: ...

    @overload
    def predict(self, source: Sequence[np.ndarray]) -> list[Result]: ...

    @overload
    def predict(self, source: int) -> Iterator[Result]: ...

    @overload
    def predict(self, source: str | Path) -> Result | Iterator[Result]: ...

    def predict(self, source: np.ndarray | Sequence[np.ndarray] | Source) -> Result | list[Result] | Iterator[Result]:
        """What the model says, in pixels of the image: of an image (H, W, 3) uint8 BGR of any size or an image file one `Result`; of a
        list of images a list, as many at once as the model reads (`info.batch`); of a folder, a video file or a camera (its number)
        results one by one, as `stream`.

        Raises UserError for anything else, saying what is wanted.
        """
        if isinstance(source, str | Path | int):
            return next(self.stream(source)) if is_image(source) else self.stream(source)
        several = isinstance(source, list | tuple)
        images = list(source) if several else [source]
        for one in images:
            check_image(one)
        shown = [self.info.geometry.view(one.shape[:2]).show(one) for one in images]
        predictions = self.predict_inputs(shown, [one.shape[:2] for one in images])
        results = [self._result(found, image) for found, image in zip(predictions, images)]
        return results if several else results[0]

    def stream(self, source: Source) -> Iterator[Result]:
        """Results of every frame, one by one: of an image or video file, of a folder with those below it, or of a camera. What cannot
        be read in a folder is told and left out. Raises UserError at once for what is not there."""
        frames = read_frames(source)
        return (replace(self.predict(frame.image), path=frame.path, seconds=frame.seconds) for frame in frames)

    def _result(self, found: Prediction, image: np.ndarray) -> Result:
        return Result(found.detections, found.label_maps, found.classifications, image=image, classes=self.classes,
                      window=self.window(image.shape[:2]))

    def predict_input(self, image: np.ndarray, original_hw: tuple[int, int]) -> Prediction:
        """The same from an image (input_h, input_w, 3) that `geometry.view(original_hw)` has shown."""
        check_image(image)
        return self.predict_inputs([image], [original_hw])[0]

    def predict_inputs(self, images: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> list[Prediction]:
        """The same of any number of them, as many at once as the model reads."""
        found, batch = [], self.info.batch
        for first in range(0, len(images), batch):
            hws = original_hws[first:first + batch]
            found += self.predictions(self.run(feeds_for_images(self.info, images[first:first + batch], hws)), hws)
        return found

    def predictions(self, outputs: Arrays, original_hws: Sequence[tuple[int, int]]) -> list[Prediction]:
        """What the outputs of 1 to `info.batch` images mean, see `prediction`."""
        return [self.prediction(of_image(outputs, n), hw) for n, hw in enumerate(original_hws)]

    def prediction(self, outputs: Arrays, original_hw: tuple[int, int]) -> Prediction:
        """What the outputs of one image mean, in original pixels. A file without post-processing gets it here."""
        if self.info.signature is not None:
            raise UserError("the outputs of this model are those of a network that is not of the zoo: only its user can read them; use "
                            "`run`")
        seen, result = Seen(self.info.geometry.view(original_hw).affine, original_hw), Prediction()
        for name, task in self.info.tasks.items():
            answer = ANSWERS[task.kind]
            if f"{name}.{answer.output}" in outputs:
                answer.read(result, name, task, outputs, seen)
            else:
                raw = {name: raw_outputs(outputs)[name]}
                result.update(to_prediction(raw, [seen.to_input], [original_hw], {name: task.decoder})[0])
        return result


def of_image(outputs: Mapping[str, np.ndarray], n: int) -> Arrays:
    """The outputs of the n-th image alone."""
    return {name: value[n:n + 1] for name, value in outputs.items()}


def raw_outputs(outputs: Arrays) -> RawOutputs:
    """{"det_person.cls_s8": array} -> {"det_person": {"cls_s8": tensor}}."""
    nested: RawOutputs = {}
    for key, value in outputs.items():
        task, _, output = key.partition(".")
        nested.setdefault(task, {})[output] = torch.from_numpy(value)
    return nested
