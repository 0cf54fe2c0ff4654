"""What a config can say. Every class is frozen and checks itself; units are in the docstrings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from mtzoo.compression.sparsity import Sparsity
from mtzoo.config.distillation import Distillation
from mtzoo.config.solver import PipelineTest, SolverStep, check_multipliers, check_solver
from mtzoo.config.validation import check_metrics
from mtzoo.config.values import MOST_ITERATIONS, check_at_most, check_name, check_positive
from mtzoo.data.augmentation import Augmentation
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.data.sources import Source
from mtzoo.errors import UserError
from mtzoo.models.channel_plan import LayerChannels
from mtzoo.models.task_graph import NodeSpec
from mtzoo.ops.color import InputFormat, Layout
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess import DECODERS, BoxDecoder, ClassDecoder, Decoder, LabelMapDecoder, MergeRule
from mtzoo.quantization import QConfig
from mtzoo.task_kind import KINDS, TaskKind, task_kind

LoggerName = Literal["tensorboard", "csv", "wandb", "mlflow", "clearml"]
MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class LossSpec:
    """type: a registered loss; weight: factor of the task's sum of losses; params: its constructor's arguments."""

    type: str
    weight: float = 1.0
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise UserError(f"weight={self.weight}: expected a number of 0 or more")


@dataclass(frozen=True)
class AuxiliaryHead:
    """A head that teaches what it reads while the network is trained in float, and is no part of it (see `docs/training.md`).

    weight: factor of its loss, in the task's sum, where the main head's loss has 1; loss: None for the task's.
    """

    node: NodeSpec
    weight: float = 0.4
    loss: LossSpec | None = None

    def __post_init__(self) -> None:
        check_positive(self, "weight")


@dataclass(frozen=True)
class TaskConfig:
    """One task: its graph (the last node is the head), classes, data, loss, post-processing, quantization of its head, heads that
    are there in float training only. oversample_thr: classes in a smaller share of the training images come more often, see
    `mtzoo.data.repeat_factors`."""

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

    @property
    def of_kind(self) -> TaskKind:
        """What all tasks of its kind have in common."""
        return task_kind(self.kind)

    @property
    def decoder(self) -> Decoder:
        """The task's post-processing."""
        chosen = getattr(self, self.of_kind.decoder_key) if self.of_kind.decoder_key else None
        return DECODERS[self.kind]() if chosen is None else chosen

    @property
    def head(self) -> NodeSpec:
        return self.nodes[-1]


@dataclass(frozen=True)
class Env:
    """Where and how it runs. default_ctx: "cpu", or GPU indices such as "0,1"; workers: processes that read and prepare images;
    threads: of the CPU, for the network in training, 0: as many as torch takes by itself; amp: "auto" takes bf16 where it is
    faster; shuffle_chunk_size: images of a folder that stay together when an epoch is shuffled, for disks that are slow to seek,
    0: none do; sync_bn: whether BN takes its statistics in training over the images of all processes; cache_mb: bound of the cache
    of decoded images and masks, of all workers, MiB; max_bad_images: share (0..1) of the training images that may turn out
    unreadable, beyond it the run stops; intervals in iterations; loggers: where curves are written, in the work dir or to a service;
    logger_options: logger -> options of its visualizer back end in mmengine.

    OTHER_NAMES: what other toolkits call a key -> what it is called here.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"load_threads": "workers", "num_workers": "workers", "ctx": "default_ctx"}

    default_ctx: str = "auto"
    workers: int = 2
    threads: int = 0
    seed: int = 0
    amp: Literal["auto", "bf16", "off"] = "auto"
    shuffle_chunk_size: int = 0
    sync_bn: bool = True
    cache_mb: int = 512
    max_bad_images: float = 0.01
    log_interval: int = 20
    checkpoint_interval: int = 500
    keep_checkpoints: int = 2
    calibration_batches: int = 8
    loggers: tuple[LoggerName, ...] = ("tensorboard",)
    logger_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive(self, "log_interval", "checkpoint_interval", "keep_checkpoints", "calibration_batches")
        check_at_most(self, workers=4096, threads=4096, seed=2**32 - 1, cache_mb=1 << 30, shuffle_chunk_size=MOST_SAMPLES,
                      calibration_batches=1_000_000, log_interval=MOST_ITERATIONS, checkpoint_interval=MOST_ITERATIONS)
        for name in ("workers", "threads", "cache_mb", "seed", "shuffle_chunk_size"):
            if getattr(self, name) < 0:
                raise UserError(f"{name}={getattr(self, name)}: expected 0 or more")
        if not 0 <= self.max_bad_images <= 1:
            raise UserError(f"max_bad_images={self.max_bad_images}: expected a share in 0..1")
        for name in self.logger_options:
            if name not in self.loggers or name in ("tensorboard", "csv"):
                raise UserError(f"logger_options.{name}: options are for 'wandb', 'mlflow' and 'clearml', where 'loggers' names them")


@dataclass(frozen=True)
class ExportInput:
    """Shapes of the deploy model's inputs. image: (1, 3, H, W); im_hw: (1, 2), the original's height and width, and crop_xy:
    (1, 2), left and top of a crop's window: box decoding needs them, segmentation does not know them; format: of the
    image, layout: of it in memory, see `mtzoo.ops.color`; `image` is (1, 3, H, W) for either layout.

    All shapes follow from the geometry and the tasks: without `image` they need not be given. With it they are given in full."""

    image: tuple[int, int, int, int] | None = None
    im_hw: tuple[int, int] | None = None
    crop_xy: tuple[int, int] | None = None
    format: InputFormat = "bgr"
    layout: Layout = "nchw"


@dataclass(frozen=True)
class ExperimentConfig:
    """A whole resolved config. merge: how answers of a crop's config and a resize's become one; channels: layers that `mtzoo
    prune` made narrower than their specs, blocks that it removed; `resolved` is the plain dict it was built from, good for JSON."""

    name: str
    tasks: tuple[TaskConfig, ...]
    train_geometry: TrainGeometry
    deploy_geometry: DeployGeometry
    int_inference_export_input_shape: ExportInput
    solver: tuple[SolverStep, ...]
    fusion_bn_patterns: Mapping[int, tuple[str, ...]]
    photometric: Photometric
    quantization: QConfig
    env: Env
    loss_balance: Literal["fixed", "uncertainty"]
    samples_per_epoch: int | None
    pipeline_test: PipelineTest
    merge: MergeRule
    augmentation: Augmentation = Augmentation()
    distillation: Distillation | None = None
    sparsity: Sparsity | None = None
    channels: Mapping[str, LayerChannels] = field(default_factory=dict)
    resolved: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def graphs(self) -> dict[str, tuple[NodeSpec, ...]]:
        """task -> its nodes, for `mtzoo.models.build_network`."""
        return {task.name: task.nodes for task in self.tasks}

    @property
    def auxiliary(self) -> dict[str, AuxiliaryHead]:
        """Every auxiliary head by name."""
        return {head.node.name: head for task in self.tasks for head in task.auxiliary}

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        return {task.name: task.classes for task in self.tasks}

    @property
    def kinds(self) -> dict[str, str]:
        """Task -> its kind."""
        return {task.name: task.kind for task in self.tasks}

    @property
    def mask_classes(self) -> dict[str, tuple[str, ...]]:
        """Segmentation task -> its classes."""
        return {task.name: task.classes for task in self.tasks if task.kind == "segmentation"}

    @property
    def reads_original_size(self) -> bool:
        """Whether the deploy model needs to know the original image's size."""
        return any(task.of_kind.original_pixels for task in self.tasks)

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UserError("tasks is empty; a config needs at least one task")
        if self.samples_per_epoch is not None:
            check_positive(self, "samples_per_epoch")
            check_at_most(self, samples_per_epoch=MOST_SAMPLES)
        self._check_auxiliary()
        check_solver(self.solver, self.fusion_bn_patterns)
        check_multipliers(self.solver, self._node_names(), tuple(self.auxiliary))
        self._check_validation()
        if self.augmentation.copy_paste is not None:
            self.augmentation.copy_paste.check(self.mask_classes, "augmentation.copy_paste")
        self._check_export_input()

    def _node_names(self) -> list[str]:
        return list(dict.fromkeys(node.name for task in self.tasks for node in task.nodes))

    def _check_validation(self) -> None:
        tasks = {task.name: (task.kind, task.classes, [source.name for source in task.val_sources]) for task in self.tasks}
        for i, step in enumerate(self.solver):
            for key in ("float_phase", "quant_phase"):
                phase = getattr(step, key)
                if phase is not None and phase.validation is not None:
                    check_metrics(phase.validation, tasks, f"solver[{i}].{key}.validation")

    def _check_auxiliary(self) -> None:
        taken = {*self._node_names(), *self.classes}
        for task in self.tasks:
            for i, head in enumerate(task.auxiliary):
                if head.node.name in taken:
                    raise UserError(f"tasks.{task.name}.auxiliary[{i}]: '{head.node.name}' is the name of a node, a task or another "
                                    "auxiliary head; give it one of its own")
                taken.add(head.node.name)

    @property
    def export_input(self) -> ExportInput:
        """`int_inference_export_input_shape` with all shapes, those that it leaves out as they follow from the rest."""
        given = self.int_inference_export_input_shape
        if given.image is not None:
            return given
        detects = self.reads_original_size
        crops = detects and self.deploy_geometry.window is not None
        return replace(given, image=(1, 3, *self.deploy_geometry.input_hw), im_hw=given.im_hw or ((1, 2) if detects else None),
                       crop_xy=given.crop_xy or ((1, 2) if crops else None))

    def _check_export_input(self) -> None:
        shape, where = self.export_input, "int_inference_export_input_shape"
        detects = self.reads_original_size
        if shape.image != (1, 3, *self.deploy_geometry.input_hw):
            h, w = self.deploy_geometry.input_hw
            raise UserError(f"{where}.image={shape.image}: deploy_geometry.input_hw makes it (1, 3, {h}, {w}); "
                            "change both together, or write image=None, which follows deploy_geometry")
        if shape.format == "nv12" and shape.layout != "nchw":
            raise UserError(f"{where}.layout={shape.layout}: an image of format nv12 is two planes, which lie as they do; leave it out")
        if detects and shape.im_hw is None:
            raise UserError(f"{where}: detection tasks need 'im_hw' for boxes in original pixels; add im_hw=(1, 2)")
        if not detects and shape.im_hw is not None:
            raise UserError(f"{where}.im_hw: no detection task is left that reads it; remove im_hw")
        if shape.im_hw not in (None, (1, 2)):
            raise UserError(f"{where}.im_hw={shape.im_hw}: its shape is (1, 2), height and width")
        crops = detects and self.deploy_geometry.window is not None
        if crops and shape.crop_xy is None:
            raise UserError(f"{where}: boxes of a crop need 'crop_xy', where its window stands; add crop_xy=(1, 2)")
        if not crops and shape.crop_xy is not None:
            raise UserError(f"{where}.crop_xy: only detection tasks with deploy_geometry.window read it; remove crop_xy")
        if shape.crop_xy not in (None, (1, 2)):
            raise UserError(f"{where}.crop_xy={shape.crop_xy}: its shape is (1, 2), left and top")
