"""The outputs of a deploy model by kind of task: what they mean, and whether they are those of the validated network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mtzoo.deploy.info import TaskInfo
from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.postprocess import classify, label_map, to_prediction
from mtzoo.runtime.executors import Arrays
from mtzoo.runtime.tally import Tally
from mtzoo.structures import Detections, Prediction
from mtzoo.task_kind import ByKind

Maps = Mapping[str, Tensor]
"""Of one task and one image: "logits" -> (1, C, h, w)."""


@dataclass(frozen=True)
class Seen:
    """One image as the network sees it. to_input: (2, 3) affine, original -> input pixels."""

    to_input: np.ndarray
    original_hw: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """output: what files with post-processing have, without its task's name.

    read: (prediction, which it adds to; task's name; task; the file's outputs for one image; the image). exact: (task; the network's
    maps) -> what of the outputs has to be the same to the last bit, made in torch. compare: (tally; task's name; task; the validated
    network's maps; the file's outputs; the image).
    """

    output: str
    read: Callable[[Prediction, str, TaskInfo, Arrays, Seen], None]
    exact: Callable[[TaskInfo, Maps], Arrays]
    compare: Callable[[Tally, str, TaskInfo, Maps, Arrays, Seen], None]


def _read_label_map(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    labels = outputs[f"{name}.labels"][0, 0]
    prediction.label_maps[name] = SmallLabelMap(labels, task.decoder.map_stride, seen.to_input, seen.original_hw)


def _exact_label_map(task: TaskInfo, maps: Maps) -> Arrays:
    return {"labels": label_map(maps["logits"], task.decoder)[:, None].numpy()}


def _read_boxes(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    prediction.detections[name] = detections_of(outputs, name)


def detections_of(outputs: Arrays, task: str) -> Detections:
    """The boxes of one image, in original pixels."""
    count = int(outputs[f"{task}.count"][0])
    boxes, scores, classes = (outputs[f"{task}.{key}"][0, :count] for key in ("boxes", "scores", "classes"))
    return Detections(boxes, scores, classes.astype(np.int64))


def _nothing_exact(task: TaskInfo, maps: Maps) -> Arrays:
    """Coordinates are floats behind an exp."""
    return {}


def _compare_boxes(tally: Tally, name: str, task: TaskInfo, maps: Maps, outputs: Arrays, seen: Seen) -> None:
    wanted = to_prediction({name: maps}, [seen.to_input], [seen.original_hw], {name: task.decoder})[0]
    tally.count_boxes(f"{name}.boxes", wanted.detections[name], detections_of(outputs, name))


def _read_class(prediction: Prediction, name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> None:
    found = classify(outputs[f"{name}.logits"].ravel(), task.decoder)
    prediction.classifications[name] = found._replace(label=int(outputs[f"{name}.class"][0]))


def _exact_class(task: TaskInfo, maps: Maps) -> Arrays:
    return {"class": np.array([classify(maps["logits"].flatten().numpy(), task.decoder).label], np.int32)}


def compare_exact(tally: Tally, name: str, task: TaskInfo, maps: Maps, outputs: Arrays, seen: Seen | None = None) -> None:
    """What of a task's outputs has to be the same to the last bit, as far as `outputs` has it."""
    for key, wanted in ANSWERS[task.kind].exact(task, maps).items():
        found = outputs.get(f"{name}.{key}")
        if found is not None:
            differing = int((wanted != found).sum()) if wanted.shape == found.shape else wanted.size
            tally.count(f"{name}.{key}", wanted.size, differing)


ANSWERS: ByKind[Answer] = ByKind({
    "detection": Answer("boxes", _read_boxes, _nothing_exact, _compare_boxes),
    "segmentation": Answer("labels", _read_label_map, _exact_label_map, compare_exact),
    "classification": Answer("class", _read_class, _exact_class, compare_exact),
})
