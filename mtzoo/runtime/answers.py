"""The outputs of a deploy model by kind of task, and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtzoo.deploy.info import DeployInfo, TaskInfo
from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.postprocess.image_class import classify
from mtzoo.runtime.executors import Arrays
from mtzoo.structures import Detections, Prediction
from mtzoo.task_kind import ByKind


@dataclass(frozen=True)
class Seen:
    """One image as the network sees it. to_input: (2, 3) affine, original -> input pixels."""

    to_input: np.ndarray
    original_hw: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """output: what files with post-processing have, without its task's name.

    read: (prediction, which it adds to; task's name; task; the file's outputs for one image; the image).
    """

    output: str
    read: Callable[[Prediction, str, TaskInfo, Arrays, Seen], None]


def _read_label_map(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    labels = outputs[f"{name}.labels"][0, 0]
    prediction.label_maps[name] = SmallLabelMap(labels, task.decoder.map_stride, seen.to_input, seen.original_hw)


def _read_boxes(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    prediction.detections[name] = detections_of(outputs, name)


def detections_of(outputs: Arrays, task: str) -> Detections:
    """The boxes of one image, in original pixels."""
    count = int(outputs[f"{task}.count"][0])
    boxes, scores, classes = (outputs[f"{task}.{key}"][0, :count] for key in ("boxes", "scores", "classes"))
    return Detections(boxes, scores, classes.astype(np.int64))


def _read_class(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    found = classify(outputs[f"{name}.logits"].ravel(), task.decoder)
    prediction.classifications[name] = found._replace(label=int(outputs[f"{name}.class"][0]))


ANSWERS: ByKind[Answer] = ByKind({
    "detection": Answer("boxes", _read_boxes),
    "segmentation": Answer("labels", _read_label_map),
    "classification": Answer("class", _read_class),
})


def has_answers(info: DeployInfo) -> bool:
    """Whether the file has the post-processing of its tasks inside. A network that was not trained with mtzoo has none."""
    outputs = {tensor.name for tensor in info.outputs}
    return info.signature is None and any(f"{name}.{ANSWERS[task.kind].output}" in outputs for name, task in info.tasks.items())
