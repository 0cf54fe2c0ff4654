"""The outputs of a deploy model by kind of task: their names and shapes, and what writes them behind the network's own maps."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtzoo.deploy.boxes import DetectionMaps, emit_boxes
from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.image_class import emit_image_class
from mtzoo.deploy.info import DeployInfo, TaskInfo
from mtzoo.deploy.labels import Logits, emit_label_map
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import BoxDecoder, LabelMapDecoder
from mtzoo.task_kind import ByKind

LOGITS, CLASS_MAP, BOX_MAP = "logits", "cls_s", "box_s"
Form = Mapping[str, tuple[str, tuple[int, ...]]]
"""Output without its task's name -> (type, shape)."""


@dataclass(frozen=True)
class TaskMaps:
    """The network's maps of one task. maps: "cls_s8" -> tensor of floats; shapes: "cls_s8" -> (N, C, h, w); integers: maps of 8 bits
    before they become floats; decoder: of its kind."""

    task: str
    maps: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    integers: Mapping[str, Logits]
    decoder: Any


@dataclass(frozen=True)
class KindOutputs:
    """decoded: outputs of a task with post-processing; raw: without it, of those names that are there; emit: writes the post-processing
    of all tasks of the kind; class_map: how names of the maps with a channel for each class begin."""

    decoded: Callable[[TaskInfo, DeployInfo], Form]
    raw: Callable[[TaskInfo, DeployInfo, Iterable[str]], Form]
    emit: Callable[[GraphBuilder, Sequence[TaskMaps], DeployGeometry], None]
    class_map: str


def _label_map(task: TaskInfo, info: DeployInfo) -> Form:
    return {"labels": ("uint8", (info.batch, 1, *(side // task.decoder.map_stride for side in info.geometry.input_hw)))}


def _logits(task: TaskInfo, info: DeployInfo, outputs: Iterable[str]) -> Form:
    return {LOGITS: ("float32", (info.batch, len(task.classes), *(side // task.decoder.stride for side in info.geometry.input_hw)))}


def _emit_label_maps(builder: GraphBuilder, tasks: Sequence[TaskMaps], geometry: DeployGeometry) -> None:
    for task in tasks:
        decoder: LabelMapDecoder = task.decoder
        integers = task.integers.get(LOGITS)
        floats = Logits(task.maps[LOGITS], task.shapes[LOGITS], step=None if integers is None else integers.step)
        emit_label_map(builder, task.task, floats if integers is None or decoder.upsample > 1 else integers, decoder)


def _boxes(task: TaskInfo, info: DeployInfo) -> Form:
    images, rows = info.batch, task.decoder.top_k
    return {"boxes": ("float32", (images, rows, 4)), "scores": ("float32", (images, rows)), "classes": ("int32", (images, rows)),
            "count": ("int32", (images,))}


def _box_maps(task: TaskInfo, info: DeployInfo, outputs: Iterable[str]) -> Form:
    """Box maps at the strides that are in the names of the outputs."""
    strides = [key.removeprefix(CLASS_MAP) for key in outputs if re.fullmatch(CLASS_MAP + "[1-9][0-9]{0,3}", key)]
    sizes = {stride: [side // int(stride) for side in info.geometry.input_hw] for stride in strides}
    return {f"{kind}{stride}": ("float32", (info.batch, channels, *size)) for stride, size in sizes.items()
            for kind, channels in ((CLASS_MAP, len(task.classes)), (BOX_MAP, 4))}


def _image_class(task: TaskInfo, info: DeployInfo) -> Form:
    """The class and the logits. The reader makes probabilities of those: softmax differs in its last bits between runtimes."""
    return {"class": ("int32", (info.batch,)), **_class_logits(task, info, ())}


def _class_logits(task: TaskInfo, info: DeployInfo, outputs: Iterable[str]) -> Form:
    return {LOGITS: ("float32", (info.batch, len(task.classes), 1, 1))}


def _emit_image_classes(builder: GraphBuilder, tasks: Sequence[TaskMaps], geometry: DeployGeometry) -> None:
    for task in tasks:
        emit_image_class(builder, task.task, task.maps[LOGITS], task.shapes[LOGITS])


def _emit_boxes(builder: GraphBuilder, tasks: Sequence[TaskMaps], geometry: DeployGeometry) -> None:
    decoders: list[BoxDecoder] = [task.decoder for task in tasks]
    emit_boxes(builder, [DetectionMaps(task.task, task.maps, task.shapes, decoder) for task, decoder in zip(tasks, decoders)], geometry)


OUTPUTS: ByKind[KindOutputs] = ByKind({  # in this order they are written
    "segmentation": KindOutputs(_label_map, _logits, _emit_label_maps, LOGITS),
    "classification": KindOutputs(_image_class, _class_logits, _emit_image_classes, LOGITS),
    "detection": KindOutputs(_boxes, _box_maps, _emit_boxes, CLASS_MAP),
})
