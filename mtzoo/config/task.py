"""A task of a config: its graph, classes, data, loss and post-processing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mtzoo.config.values import check_name, check_positive
from mtzoo.data.sources import Source, UnlabelledImages, check_source_kind
from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.postprocess.decoders import DECODERS, BoxDecoder, ClassDecoder, Decoder, LabelMapDecoder
from mtzoo.quantization import QConfig
from mtzoo.registry import LOSSES, NODES, check_kind
from mtzoo.task_kind import KINDS, TaskKind, task_kind


@dataclass(frozen=True)
class LossSpec:
    """A loss.

    Attributes:
        type: The name of a registered loss.
        weight: The factor of the loss in the sum over tasks.
        params: The arguments of its constructor.
    """

    type: str
    weight: float = 1.0
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise UserError(f"weight={self.weight}: expected a number of 0 or more")


@dataclass(frozen=True)
class AuxiliaryHead:
    """A head that exists only in float training and is no part of the network (`docs/training.md`).

    Attributes:
        node: The node of the head.
        weight: The factor of its loss relative to the loss of the main head.
        loss: Its loss. None: the loss of the task.
    """

    node: NodeSpec
    weight: float = 0.4
    loss: LossSpec | None = None

    def __post_init__(self) -> None:
        check_positive(self, "weight")


@dataclass(frozen=True)
class TaskConfig:
    """One task.

    Attributes:
        name: Its name.
        kind: `"detection"`, `"segmentation"` or `"classification"`.
        classes: The class names. A class id is an index into them.
        nodes: The nodes of its graph. The last one is the head.
        train_sources: The data to train on.
        val_sources: The data to evaluate on.
        loss: The loss.
        boxes: The post-processing of a detection task.
        labels: The post-processing of a segmentation task.
        image_label: The post-processing of a classification task.
        quantization: The quantization of its head. None: as in the rest of the network.
        auxiliary: Heads that exist only in float training.
        oversample_thr: Images are drawn more often if they show a class that is in a smaller share of the training images (repeat
            factor sampling, arXiv 1908.03195). None: off.
    """

    name: str
    kind: str
    classes: tuple[str, ...]
    nodes: tuple[NodeSpec, ...]
    train_sources: tuple[Source, ...]
    val_sources: tuple[Source, ...]
    loss: LossSpec
    boxes: BoxDecoder | None = None
    labels: LabelMapDecoder | None = None
    image_label: ClassDecoder | None = None
    quantization: QConfig | None = None
    auxiliary: tuple[AuxiliaryHead, ...] = ()
    oversample_thr: float | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "task")
        try:
            task_kind(self.kind)
        except UserError as error:
            raise UserError(f"tasks.{self.name}.{error}") from error
        if self.oversample_thr is not None and not 0 < self.oversample_thr <= 1:
            raise UserError(f"tasks.{self.name}.oversample_thr={self.oversample_thr}: expected a number above 0 and at most 1")
        if not self.classes:
            raise UserError(f"tasks.{self.name}.classes is empty; name at least one class")
        if len(self.classes) > self.of_kind.most_classes:
            raise UserError(f"tasks.{self.name}.classes: {len(self.classes)} classes; a {self.kind} task has "
                            f"{self.of_kind.most_classes} at most")
        if len(set(self.classes)) != len(self.classes):
            raise UserError(f"tasks.{self.name}.classes={list(self.classes)}: a class is named twice")
        if not self.train_sources:
            raise UserError(f"tasks.{self.name}.train is empty; a task needs data: name at least one source")
        if not self.val_sources:
            raise UserError(f"tasks.{self.name}.val is empty; a task needs data: name at least one source")
        for other in KINDS.values():
            if other is not self.of_kind and other.decoder_key and getattr(self, other.decoder_key) is not None:
                raise UserError(f"tasks.{self.name}: '{other.decoder_key}' goes with kind='{other.name}', and this task has "
                                f"kind='{self.kind}'; remove it")
        if self.labels is not None and self.labels.logit_exponent is not None:
            raise UserError(f"tasks.{self.name}.labels.logit_exponent: it follows from the network's integers; remove it")
        self._check_kinds(f"tasks.{self.name}")

    def _check_kinds(self, where: str) -> None:
        """Raises UserError for data, a head or a loss that is for tasks of another kind."""
        for key, sources in (("train", self.train_sources), ("val", self.val_sources)):
            for i, source in enumerate(sources):
                check_source_kind(source, self.kind, f"{where}.{key}[{i}]")
                if key == "val" and isinstance(source, UnlabelledImages):
                    raise UserError(f"{where}.val[{i}]: source '{source.name}' has no labels to compare with; name one that has")
        for i, node in list(enumerate(self.nodes))[-1:]:
            check_kind(NODES, node.type, self.kind, f"{where}.nodes[{i}].type")
        check_kind(LOSSES, self.loss.type, self.kind, f"{where}.loss.type")
        for i, head in enumerate(self.auxiliary):
            check_kind(NODES, head.node.type, self.kind, f"{where}.auxiliary[{i}].node.type")
            if head.loss is not None:
                check_kind(LOSSES, head.loss.type, self.kind, f"{where}.auxiliary[{i}].loss.type")

    @property
    def of_kind(self) -> TaskKind:
        """What all tasks of this kind have in common."""
        return task_kind(self.kind)

    @property
    def decoder(self) -> Decoder:
        """The post-processing of the task."""
        chosen = getattr(self, self.of_kind.decoder_key) if self.of_kind.decoder_key else None
        return DECODERS[self.kind]() if chosen is None else chosen

    @property
    def head(self) -> NodeSpec:
        """The node of the head."""
        return self.nodes[-1]
