"""What the validated network's maps want of a deploy model's outputs, by kind of task: made in torch, and compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mtzoo.deploy.info import TaskInfo
from mtzoo.postprocess.image_class import classify
from mtzoo.postprocess.label_map import label_map
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.runtime.answers import Seen, detections_of
from mtzoo.runtime.executors import Arrays
from mtzoo.runtime.tally import Tally
from mtzoo.task_kind import ByKind

Maps = Mapping[str, Tensor]
"""The raw maps of one task and one image: "logits" -> (1, C, h, w)."""


@dataclass(frozen=True)
class Wanted:
    """exact: (task; the network's maps) -> what of the outputs has to be the same to the last bit. compare: (tally; task's name; task;
    the network's maps; the file's outputs; the image)."""

    exact: Callable[[TaskInfo, Maps], Arrays]
    compare: Callable[[Tally, str, TaskInfo, Maps, Arrays, Seen], None]


def _exact_label_map(task: TaskInfo, maps: Maps) -> Arrays:
    return {"labels": label_map(maps["logits"], task.decoder)[:, None].numpy()}


def _nothing_exact(task: TaskInfo, maps: Maps) -> Arrays:
    """Coordinates are floats behind an exp."""
    return {}


def _exact_class(task: TaskInfo, maps: Maps) -> Arrays:
    return {"class": np.array([classify(maps["logits"].flatten().numpy(), task.decoder).label], np.int32)}


def _compare_boxes(tally: Tally, name: str, task: TaskInfo, maps: Maps, outputs: Arrays, seen: Seen) -> None:
    wanted = to_prediction({name: maps}, [seen.to_input], [seen.original_hw], {name: task.decoder})[0]
    tally.count_boxes(f"{name}.boxes", wanted.detections[name], detections_of(outputs, name))


def compare_exact(tally: Tally, name: str, task: TaskInfo, maps: Maps, outputs: Arrays, seen: Seen | None = None) -> None:
    """What of a task's outputs has to be the same to the last bit, as far as `outputs` has it."""
    for key, wanted in WANTED[task.kind].exact(task, maps).items():
        found = outputs.get(f"{name}.{key}")
        if found is not None:
            differing = int((wanted != found).sum()) if wanted.shape == found.shape else wanted.size
            tally.count(f"{name}.{key}", wanted.size, differing)


WANTED: ByKind[Wanted] = ByKind({
    "detection": Wanted(_nothing_exact, _compare_boxes),
    "segmentation": Wanted(_exact_label_map, compare_exact),
    "classification": Wanted(_exact_class, compare_exact),
})
