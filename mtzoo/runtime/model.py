"""A deploy model, ready to look at images."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.label_bound import inexact_label_maps
from mtzoo.errors import Caution, UserError
from mtzoo.locate import find_model
from mtzoo.ops.geometry import CropWindow
from mtzoo.runtime.answers import ANSWERS, Seen
from mtzoo.runtime.executors import Arrays, Executor, build_executor
from mtzoo.runtime.feeds import check_feeds, check_image, feeds_for_images
from mtzoo.runtime.model_cache import cache_folder
from mtzoo.runtime.result import Result
from mtzoo.runtime.sources import Source, as_frame, is_image, read_frames
from mtzoo.structures import Prediction, Xyxy


class DeployModel:
    """A deploy model: an ONNX file that `mtzoo export` wrote, with boxes and label maps inside (step 3) or raw maps (steps 0 to 2).

        model = DeployModel("dashcam_resize_mobilenetv2")
        model.predict("photo.jpg").save("seen.jpg")

    Threads may share it. In OpenVINO their inferences take turns.
    """

    def __init__(self, model: str | Path, executor: str = "openvino", threads: int | None = None, *, cache: bool = True) -> None:
        """Load a deploy model.

        Layers run in float32 if this CPU's int8 kernels would saturate. A warning (`mtzoo.errors.Caution`) says so. A warning also
        names label maps that may differ between executors, in files of earlier versions.

        Args:
            model: An `.onnx` file, or the name of a zoo model (`mtzoo.list_models`).
            executor: `"openvino"` or `"onnxruntime"`.
            threads: CPU threads. Default: one for each core.
            cache: Keep what OpenVINO compiles in the user's cache folder, and use what is kept there.

        Raises:
            UserError: The file is missing, was changed, or was not written by mtzoo, or the executor does not exist.
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
        """A model of a loaded executor. info: the description in the file."""
        model = cls.__new__(cls)
        model.info, model.executor = info, executor
        return model

    @classmethod
    def load(cls, path: str | Path, executor: str = "openvino", threads: int | None = None, *, cache: bool = True) -> "DeployModel":
        """The same as `DeployModel(path, ...)`."""
        return cls(path, executor, threads, cache=cache)

    def __repr__(self) -> str:
        kind = "exact integers" if self.info.integer else "float"
        tasks = ", ".join(f"{name} ({', '.join(classes)})" for name, classes in self.classes.items())
        height, width = self.info.geometry.input_hw
        return f"<DeployModel: {tasks}; input {width}x{height}, {kind}>"

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names. A class id is an index into them."""
        return {name: task.classes for name, task in self.info.tasks.items()}

    @property
    def box_classes(self) -> dict[str, tuple[str, ...]]:
        """The same of the detection tasks alone."""
        return {name: task.classes for name, task in self.info.tasks.items() if task.kind == "detection"}

    def window(self, original_hw: tuple[int, int]) -> Xyxy | None:
        """The part of an image that a crop model sees.

        Args:
            original_hw: Height and width of the image in pixels.

        Returns:
            The part as xyxy in pixels of the image. None for a model of the whole image.
        """
        geometry = self.info.geometry
        return geometry.view(original_hw).visible if geometry.window else None

    def at(self, window: CropWindow) -> "DeployModel":
        """The same crop model with another position of its window.

        Args:
            window: The position.

        Raises:
            UserError: The model sees the whole image.
        """
        if self.info.geometry.window is None:
            raise UserError("the model sees the whole image, not a window of it; name a crop model, e.g. of 4pe_crop")
        return DeployModel.of(replace(self.info, geometry=replace(self.info.geometry, window=window)), self.executor)

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """Run the network on arrays that are prepared already.

        Args:
            feeds: Input name -> array, as in the ONNX file.

        Returns:
            Output name -> array, as in the ONNX file.

        Raises:
            UserError: An input is missing, or has another name, shape or type.
        """
        check_feeds(self.info, feeds)
        return self.executor.run(feeds)

    @overload
    def predict(self, source: np.ndarray) -> Result: ...

    @overload
    def predict(self, source: Sequence[np.ndarray | str | Path]) -> list[Result]: ...

    @overload
    def predict(self, source: int) -> Iterator[Result]: ...

    @overload
    def predict(self, source: str | Path) -> Result | Iterator[Result]: ...

    def predict(self, source: np.ndarray | Sequence[np.ndarray | str | Path] | Source) -> Result | list[Result] | Iterator[Result]:
        """Predict boxes, label maps and classes in pixels of the image.

        Args:
            source: An array (H, W, 3) uint8 BGR of any size, the path of an image, a list of such arrays and paths, or the path of a
                folder or a video, the number of a camera, or the address of a stream (`"rtsp://..."`, `"http://..."`).

        Returns:
            A `Result` for one image, a list of results for a list. For a folder, a video, a camera and a stream a generator of
            results, as `stream`.

        Raises:
            UserError: The source is something else or cannot be read. The message says what is expected.
        """
        if isinstance(source, str | Path | int):
            return next(self.stream(source)) if is_image(source) else self.stream(source)
        several = isinstance(source, list | tuple)
        frames = [as_frame(one) for one in (source if several else [source])]
        images = [frame.image for frame in frames]
        for one in images:
            check_image(one)
        shown = [self.info.geometry.view(one.shape[:2]).show(one) for one in images]
        predictions = self.predict_inputs(shown, [one.shape[:2] for one in images])
        results = [replace(self._result(found, frame.image), path=frame.path) for found, frame in zip(predictions, frames)]
        return results if several else results[0]

    def stream(self, source: Source) -> Iterator[Result]:
        """Predict frame by frame.

        Args:
            source: The path of an image, a video or a folder (with its subfolders), the number of a camera, or the address of a stream.
                Files of a folder that cannot be read are named on stderr and skipped.

        Returns:
            A generator of results.

        Raises:
            UserError: The source does not exist, or is no image, video or folder with them.
        """
        frames = read_frames(source)
        return (replace(self.predict(frame.image), path=frame.path, seconds=frame.seconds) for frame in frames)

    def _result(self, found: Prediction, image: np.ndarray) -> Result:
        return Result(found.detections, found.label_maps, found.classifications, image=image, classes=self.classes,
                      window=self.window(image.shape[:2]))

    def predict_input(self, image: np.ndarray, original_hw: tuple[int, int]) -> Prediction:
        """Predict from a prepared input.

        Args:
            image: (input_h, input_w, 3) uint8 BGR, as `info.geometry.view(original_hw).show` makes it.
            original_hw: Height and width of the original image in pixels.

        Returns:
            The prediction in pixels of the original image.
        """
        check_image(image)
        return self.predict_inputs([image], [original_hw])[0]

    def predict_inputs(self, images: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> list[Prediction]:
        """Predict from any number of prepared inputs, `info.batch` at a time. See `predict_input`."""
        found, batch = [], self.info.batch
        for first in range(0, len(images), batch):
            hws = original_hws[first:first + batch]
            found += self.predictions(self.run(feeds_for_images(self.info, images[first:first + batch], hws)), hws)
        return found

    def predictions(self, outputs: Arrays, original_hws: Sequence[tuple[int, int]]) -> list[Prediction]:
        """Decode the outputs of 1 to `info.batch` images. See `prediction`."""
        return [self.prediction(of_image(outputs, n), hw) for n, hw in enumerate(original_hws)]

    def prediction(self, outputs: Arrays, original_hw: tuple[int, int]) -> Prediction:
        """Decode the outputs of one image. Raw maps get their post-processing here.

        Args:
            outputs: Output name -> array, as `run` returns them.
            original_hw: Height and width of the original image in pixels.

        Returns:
            The prediction in pixels of the original image.

        Raises:
            UserError: The network was not trained with mtzoo, so the meaning of its outputs is unknown.
        """
        if self.info.signature is not None:
            raise UserError("the model's network was not trained with mtzoo, so the meaning of its outputs is unknown; use `run`")
        seen, result = Seen(self.info.geometry.view(original_hw).affine, original_hw), Prediction()
        for name, task in self.info.tasks.items():
            answer = ANSWERS[task.kind]
            if f"{name}.{answer.output}" in outputs:
                answer.read(result, name, task, outputs, seen)
            else:
                # here, because it needs torch, which files with post-processing do not
                from mtzoo.runtime.raw import decode_maps

                result.update(decode_maps(name, task, outputs, seen))
        return result


def of_image(outputs: Mapping[str, np.ndarray], n: int) -> Arrays:
    """The outputs of the n-th image of a batch."""
    return {name: value[n:n + 1] for name, value in outputs.items()}
