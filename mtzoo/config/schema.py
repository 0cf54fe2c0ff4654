"""What a config can say. Every class is frozen and checks itself; units are in the docstrings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mtzoo.compression.sparsity import Sparsity
from mtzoo.config.distillation import Distillation
from mtzoo.config.env import MOST_SAMPLES, Env
from mtzoo.config.solver import PipelineTest, SolverStep, check_multipliers, check_solver
from mtzoo.config.task import AuxiliaryHead, TaskConfig
from mtzoo.config.validation import check_metrics
from mtzoo.config.values import check_at_most, check_positive
from mtzoo.data.augmentation import Augmentation
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.errors import UserError
from mtzoo.graph_spec import LayerChannels, NodeSpec
from mtzoo.ops.color import InputFormat, Layout
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.merge import MergeRule
from mtzoo.quantization import QConfig


@dataclass(frozen=True)
class ExportInput:
    """The inputs of the deploy model. All shapes follow from the geometry and the tasks; if `image` is given, the others are
    required, too.

    Attributes:
        image: (1, 3, H, W), for either layout.
        im_hw: (1, 2): height and width of the original image. Only detection tasks read it.
        crop_xy: (1, 2): left and top of a crop's window. Only detection tasks of a crop read it.
        format: The format of the image: `"bgr"`, `"rgb"`, `"yuv444"` or `"nv12"`.
        layout: The memory layout of the image: `"nchw"` or `"nhwc"`.
    """

    image: tuple[int, int, int, int] | None = None
    im_hw: tuple[int, int] | None = None
    crop_xy: tuple[int, int] | None = None
    format: InputFormat = "bgr"
    layout: Layout = "nchw"


@dataclass(frozen=True)
class ExperimentConfig:
    """A checked config. `load_config` makes it. It is frozen: pass `options` to `load_config` to change a key.

    Attributes:
        name: Its name, e.g. `"4pe_resize/multitask"`.
        tasks: The tasks.
        train_geometry: How a training image becomes the network's input: resize, scale, crop, flip.
        deploy_geometry: How an image becomes the network's input in evaluation and deployment.
        int_inference_export_input_shape: The inputs of the deploy model.
        solver: The schedule of each of the four steps.
        fusion_bn_patterns: Step -> patterns of module paths whose BN is folded at its start.
        photometric: Changes of colours in training.
        quantization: The quantization of all nodes without their own.
        env: Devices, processes, checkpoints, logs.
        loss_balance: `"fixed"` weights of the tasks, or learnt ones: `"uncertainty"` (arXiv 1705.07115).
        samples_per_epoch: The images of an epoch. None: the number of training images.
        load_from: Float weights that a training starts from: a checkpoint, or `zoo:NAME`. None: random or published weights.
        pipeline_test: The length of a pipeline test, and the weights that it starts from.
        merge: How predictions of this crop network and a resize network are merged.
        augmentation: Mosaic, mixup, copy-paste and other augmentations.
        distillation: The teacher and the losses to it. None: no distillation.
        sparsity: The schedule of zero weights. None: no sparsity.
        channels: Layers that `prune` made narrower than their node specs, and blocks that it removed.
        resolved: The config as plain data.
    """

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
    load_from: str | None
    pipeline_test: PipelineTest
    merge: MergeRule
    augmentation: Augmentation = Augmentation()
    distillation: Distillation | None = None
    sparsity: Sparsity | None = None
    channels: Mapping[str, LayerChannels] = field(default_factory=dict)
    resolved: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def graphs(self) -> dict[str, tuple[NodeSpec, ...]]:
        """Task -> its nodes, for `mtzoo.models.build_network`."""
        return {task.name: task.nodes for task in self.tasks}

    @property
    def auxiliary(self) -> dict[str, AuxiliaryHead]:
        """Every auxiliary head by name."""
        return {head.node.name: head for task in self.tasks for head in task.auxiliary}

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Task -> class names. A class id is an index into them."""
        return {task.name: task.classes for task in self.tasks}

    @property
    def kinds(self) -> dict[str, str]:
        """Task -> its kind."""
        return {task.name: task.kind for task in self.tasks}

    @property
    def mask_classes(self) -> dict[str, tuple[str, ...]]:
        """Segmentation task -> class names."""
        return {task.name: task.classes for task in self.tasks if task.kind == "segmentation"}

    @property
    def reads_original_size(self) -> bool:
        """Whether the deploy model needs the size of the original image."""
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
        """`int_inference_export_input_shape` with all shapes."""
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
