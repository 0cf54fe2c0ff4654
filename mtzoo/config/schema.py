"""What a config can say. Every class is frozen and checks itself; units are in the docstrings."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from mtzoo.compression.sparsity import Sparsity
from mtzoo.config.distillation import Distillation
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.data.sources import Source
from mtzoo.errors import UserError, shown
from mtzoo.models.channel_plan import LayerChannels
from mtzoo.models.task_graph import NodeSpec
from mtzoo.ops.color import InputFormat
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.boxes import BoxDecoder
from mtzoo.postprocess.label_map import LabelMapDecoder
from mtzoo.postprocess.merge import MergeRule
from mtzoo.quantization import QConfig

Kind = Literal["detection", "segmentation"]
SOLVER_STEPS = 4
FOLDING_STEPS = (1, 2)
MOST_ITERATIONS, MOST_SAMPLES = 1_000_000_000, 10_000_000
MOST_CLASSES = {"detection": 4096, "segmentation": 255}
"""255 in a mask is no class."""
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")  # what may become a part of file names, output names and loss keys


def check_name(name: str, what: str) -> None:
    """Raises UserError for a name with anything but letters, digits, _ and -."""
    if not PLAIN_NAME.fullmatch(name):
        raise UserError(f"{what} '{name}': letters, digits, _ and - only")


def check_positive(owner: object, *names: str) -> None:
    """Raises UserError naming the first of the owner's numbers that is not above zero."""
    for name in names:
        if not 0 < getattr(owner, name) < math.inf:
            raise UserError(f"{name}={getattr(owner, name)}: a number above 0 is wanted")


def check_at_most(owner: object, **bounds: float) -> None:
    """Raises UserError naming the first of the owner's numbers that is above its bound: what no training means."""
    for name, most in bounds.items():
        value = getattr(owner, name)
        if value is not None and value > most:
            raise UserError(f"{name}={shown(value)}: at most {most:,} is allowed")


@dataclass(frozen=True)
class LossSpec:
    """type: a registered loss; weight: factor of the task's sum of losses; params: its constructor's arguments."""

    type: str
    weight: float = 1.0
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise UserError(f"weight={self.weight}: a number of 0 or more is wanted")


@dataclass(frozen=True)
class TaskConfig:
    """One task: its graph (the last node is the head), classes, data, loss, post-processing, quantization of its head."""

    name: str
    kind: Kind
    classes: tuple[str, ...]
    nodes: tuple[NodeSpec, ...]
    train_sources: tuple[Source, ...]
    val_sources: tuple[Source, ...]
    loss: LossSpec
    boxes: BoxDecoder | None = None
    labels: LabelMapDecoder | None = None
    quantization: QConfig | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "task")
        if not self.classes:
            raise UserError(f"tasks.{self.name}.classes is empty; name at least one class")
        if len(self.classes) > MOST_CLASSES[self.kind]:
            raise UserError(f"tasks.{self.name}.classes: {len(self.classes)} classes; a {self.kind} task has "
                            f"{MOST_CLASSES[self.kind]} at most")
        if len(set(self.classes)) != len(self.classes):
            raise UserError(f"tasks.{self.name}.classes={list(self.classes)}: a class is named twice")
        if not self.train_sources:
            raise UserError(f"tasks.{self.name}.train is empty; a task needs data: name at least one source")
        if not self.val_sources:
            raise UserError(f"tasks.{self.name}.val is empty; a task needs data: name at least one source")
        if self.kind == "detection" and self.labels or self.kind == "segmentation" and self.boxes:
            raise UserError(f"tasks.{self.name}: 'boxes' goes with kind='detection', 'labels' with kind='segmentation'")
        if self.labels is not None and self.labels.logit_exponent is not None:
            raise UserError(f"tasks.{self.name}.labels.logit_exponent: it follows from the network's integers; remove it")

    @property
    def decoder(self) -> BoxDecoder | LabelMapDecoder:
        """The task's post-processing."""
        return (self.boxes or BoxDecoder()) if self.kind == "detection" else (self.labels or LabelMapDecoder())

    @property
    def head(self) -> NodeSpec:
        return self.nodes[-1]


@dataclass(frozen=True)
class OptimizerSpec:
    """lr at the given batch size; momentum is SGD's; weight decay spares BN, biases and quantizers."""

    type: Literal["SGD", "AdamW"] = "AdamW"
    lr: float = 2e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9

    def __post_init__(self) -> None:
        check_positive(self, "lr")
        check_at_most(self, lr=1e6, weight_decay=1e6)
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay={self.weight_decay}: a number of 0 or more is wanted")
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum={self.momentum}: has to lie in 0..1, 1 excluded")


@dataclass(frozen=True)
class ScheduleSpec:
    """Learning rate over a phase: linear warm-up, then poly, cosine or constant down to min_lr_ratio * lr."""

    type: Literal["poly", "cosine", "constant"] = "cosine"
    warmup_iterations: int = 0
    power: float = 0.9
    min_lr_ratio: float = 0.0

    def __post_init__(self) -> None:
        check_positive(self, "power")
        check_at_most(self, warmup_iterations=MOST_ITERATIONS, power=100)
        if self.warmup_iterations < 0:
            raise UserError(f"warmup_iterations={self.warmup_iterations}: 0 or more is wanted")
        if not 0 <= self.min_lr_ratio <= 1:
            raise UserError(f"min_lr_ratio={self.min_lr_ratio}: has to lie in 0..1")


@dataclass(frozen=True)
class Phase:
    """A stretch of training under one schedule. Give `epochs` or `iterations`, not both."""

    batch_size: int = 8
    epochs: float | None = None
    iterations: int | None = None
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    grad_clip_norm: float = 10.0

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.iterations is None):
            raise UserError("give either 'epochs' or 'iterations'")
        check_positive(self, "epochs" if self.iterations is None else "iterations", "batch_size", "grad_clip_norm")
        check_at_most(self, epochs=1_000_000, iterations=MOST_ITERATIONS, batch_size=65_536)


@dataclass(frozen=True)
class SolverStep:
    """One of the four steps. float_phase: training before fake-quant (step 0); quant_phase: training with it."""

    prefix: str
    float_phase: Phase | None = None
    quant_phase: Phase | None = None

    def __post_init__(self) -> None:
        check_name(self.prefix, "prefix")


@dataclass(frozen=True)
class Env:
    """Where and how it runs. default_ctx: "cpu", or GPU indices such as "0,1"; workers: processes that read and prepare images;
    threads: of the CPU, for the network in training, 0: as many as torch takes by itself; amp: "auto" takes bf16 where it is
    faster; shuffle_chunk_size: images of a folder that stay together when an epoch is shuffled, for disks that are slow to seek,
    0: none do; cache_mb: bound of the cache of decoded images and masks, of all workers, MiB; max_bad_images: share (0..1) of the
    training images that may turn out unreadable, beyond it the run stops; intervals in iterations.

    OTHER_NAMES: what other toolkits call a key -> what it is called here.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"load_threads": "workers", "num_workers": "workers", "ctx": "default_ctx"}

    default_ctx: str = "auto"
    workers: int = 2
    threads: int = 0
    seed: int = 0
    amp: Literal["auto", "bf16", "off"] = "auto"
    shuffle_chunk_size: int = 0
    cache_mb: int = 512
    max_bad_images: float = 0.01
    log_interval: int = 20
    checkpoint_interval: int = 500
    keep_checkpoints: int = 2
    calibration_batches: int = 8

    def __post_init__(self) -> None:
        check_positive(self, "log_interval", "checkpoint_interval", "keep_checkpoints", "calibration_batches")
        check_at_most(self, workers=4096, threads=4096, seed=2**32 - 1, cache_mb=1 << 30, shuffle_chunk_size=MOST_SAMPLES,
                      calibration_batches=1_000_000, log_interval=MOST_ITERATIONS, checkpoint_interval=MOST_ITERATIONS)
        for name in ("workers", "threads", "cache_mb", "seed", "shuffle_chunk_size"):
            if getattr(self, name) < 0:
                raise UserError(f"{name}={getattr(self, name)}: 0 or more is wanted")
        if not 0 <= self.max_bad_images <= 1:
            raise UserError(f"max_bad_images={self.max_bad_images}: a share in 0..1 is wanted")


@dataclass(frozen=True)
class ExportInput:
    """Shapes of the deploy model's inputs. image: (1, 3, H, W); im_hw: (1, 2), the original's height and width, and crop_xy:
    (1, 2), left and top of a crop's window: box decoding needs them, segmentation does not know them; format: of the
    image, see `mtzoo.ops.color`.

    All shapes follow from the geometry and the tasks: without `image` they need not be given. With it they are given in full."""

    image: tuple[int, int, int, int] | None = None
    im_hw: tuple[int, int] | None = None
    crop_xy: tuple[int, int] | None = None
    format: InputFormat = "bgr"


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
    pipeline_test: Phase
    merge: MergeRule
    distillation: Distillation | None = None
    sparsity: Sparsity | None = None
    channels: Mapping[str, LayerChannels] = field(default_factory=dict)
    resolved: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def graphs(self) -> dict[str, tuple[NodeSpec, ...]]:
        """task -> its nodes, for `mtzoo.models.build_network`."""
        return {task.name: task.nodes for task in self.tasks}

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        return {task.name: task.classes for task in self.tasks}

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UserError("tasks is empty; a config needs at least one task")
        if self.samples_per_epoch is not None:
            check_positive(self, "samples_per_epoch")
            check_at_most(self, samples_per_epoch=MOST_SAMPLES)
        self._check_solver()
        self._check_export_input()

    def _check_solver(self) -> None:
        if len(self.solver) != SOLVER_STEPS:
            raise UserError(f"solver has {len(self.solver)} entries; {SOLVER_STEPS} are wanted, one for each step")
        prefix, count = Counter(step.prefix for step in self.solver).most_common(1)[0]
        if count > 1:
            raise UserError(f"solver: two steps have the prefix '{prefix}'; their checkpoints would overwrite each other")
        if self.solver[0].float_phase is None and self.solver[0].quant_phase is None:
            raise UserError("solver[0] has neither float_phase nor quant_phase; add one")
        for step in FOLDING_STEPS:
            if self.solver[step].float_phase:
                raise UserError(f"solver[{step}].float_phase: only step 0 trains in float; remove it")
            if self.solver[step].quant_phase is None:
                raise UserError(f"solver[{step}]: 'quant_phase' is missing; add it")
        if self.solver[3].float_phase or self.solver[3].quant_phase:
            raise UserError("solver[3]: step 3 converts to integers and trains nothing; remove its phases")
        for step in self.fusion_bn_patterns:
            if step not in FOLDING_STEPS:
                raise UserError(f"fusion_bn_patterns[{step}]: BN is folded at steps 1 and 2; use one of these keys")

    @property
    def export_input(self) -> ExportInput:
        """`int_inference_export_input_shape` with all shapes, those that it leaves out as they follow from the rest."""
        given = self.int_inference_export_input_shape
        if given.image is not None:
            return given
        detects = any(task.kind == "detection" for task in self.tasks)
        crops = detects and self.deploy_geometry.window is not None
        return replace(given, image=(1, 3, *self.deploy_geometry.input_hw), im_hw=given.im_hw or ((1, 2) if detects else None),
                       crop_xy=given.crop_xy or ((1, 2) if crops else None))

    def _check_export_input(self) -> None:
        shape, where = self.export_input, "int_inference_export_input_shape"
        detects = any(task.kind == "detection" for task in self.tasks)
        if shape.image != (1, 3, *self.deploy_geometry.input_hw):
            h, w = self.deploy_geometry.input_hw
            raise UserError(f"{where}.image={shape.image}: deploy_geometry.input_hw makes it (1, 3, {h}, {w}); "
                            "leave it out")
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
