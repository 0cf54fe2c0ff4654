"""The teacher of a run: what a frozen network says of the same batch, and how far the student is from it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.config import ExperimentConfig
from mtzoo.config.distillation import Distillation
from mtzoo.data.sources import UnlabelledImages
from mtzoo.engine.fingerprint import file_hash
from mtzoo.engine.stages import config_network, load_checkpoint_network
from mtzoo.engine.taps import tapped
from mtzoo.engine.training_data import check_readable, training_sizes
from mtzoo.errors import UserError, did_you_mean
from mtzoo.locate import find_checkpoint
from mtzoo.losses.distillation import channel_divergence, detection_distances, feature_distance, pixel_divergence
from mtzoo.losses.labelled import labelled_rows
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import fold_bn, is_prepared
from mtzoo.structures import Batch, RawOutputs, flatten_outputs
from mtzoo.task_kind import ByKind

KEY = "distillation"
FEATURE_LOSSES = {"correlation": feature_distance, "channel": channel_divergence}
Shapes = Mapping[str, Sequence[int]]
Maps = Mapping[str, Tensor]
Terms = dict[str, tuple[float, Tensor]]
"""Name -> (weight, loss)."""


def _box_distances(student: Maps, teacher: Maps, weights: Mapping[str, float], spec: Distillation) -> Terms:
    return {name: (1.0, value) for name, value in detection_distances(student, teacher, weights).items()}


def _pixel_distances(student: Maps, teacher: Maps, weights: Mapping[str, float], spec: Distillation) -> Terms:
    """The coarser of two maps is enlarged to the other's size: teacher and student may decide at different strides."""
    pairs = {name: _equal_sizes(student[name], teacher[name]) for name in weights}
    student, teacher = ({name: pair[side] for name, pair in pairs.items()} for side in (0, 1))
    losses = _class_distances(student, teacher, weights, spec)
    for name, weight in weights.items() if spec.channel_weight else ():
        losses[f"{name}_channels"] = weight * spec.channel_weight, channel_divergence(student[name], teacher[name])
    return losses


def _class_distances(student: Maps, teacher: Maps, weights: Mapping[str, float], spec: Distillation) -> Terms:
    return {name: (weight, pixel_divergence(student[name], teacher[name], spec.temperature)) for name, weight in weights.items()}


def _equal_sizes(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    hw = max(tuple(student.shape[2:]), tuple(teacher.shape[2:]))
    student, teacher = (maps if tuple(maps.shape[2:]) == hw else F.interpolate(maps, hw, mode="bilinear", align_corners=False)
                        for maps in (student, teacher))
    return student, teacher


DISTANCES: ByKind[Callable[[Maps, Maps, Mapping[str, float], Distillation], Terms]] = ByKind({
    "detection": _box_distances, "segmentation": _pixel_distances, "classification": _class_distances})
"""(a task's maps of the student, of the teacher, weight of each, spec)."""


class Distiller(nn.Module):
    """The distance of a student from its teacher on a batch.

    spec: what is learnt; kinds: task -> its kind, of the tasks that are distilled; teacher: in eval mode, kept out of this module's
    state and parameters; identity: of the teacher's file. projections: 1x1 convolutions that bring features of a narrower student to
    the teacher's channels, trained with it and thrown away (FitNets, arXiv 1412.6550).
    """

    def __init__(self, spec: Distillation, kinds: Mapping[str, str], teacher: MultiTaskNet, identity: str,
                 channels: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        self.spec, self.kinds, self.identity = spec, dict(kinds), identity
        self.__dict__["teacher"] = teacher.requires_grad_(False)  # past nn.Module's registration: nobody trains or saves it
        self.features = tuple(channels)
        self.projections = nn.ModuleDict({name.replace(".", "/"): nn.Conv2d(have, wanted, 1, bias=False)
                                          for name, (have, wanted) in channels.items() if have != wanted})

    def forward(self, images: Tensor, outputs: RawOutputs, features: Mapping[str, Tensor], batch: Batch,
                bf16: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """(scalar to minimise, {"distil.det_person.box": scalar, ...} before weights, detached).

        images: (N, 3, H, W) float, what the student saw; outputs, features: what it made of them.
        """
        with torch.no_grad(), tapped(self.teacher, self.features) as wanted, \
                torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
            answers = self.teacher(images)
        total, terms = images.new_zeros(()), {}
        for task in self.kinds:
            rows = list(range(len(batch))) if self.spec.unlabelled else labelled_rows(batch, task)
            if not rows:
                continue
            for name, (weight, value) in self._task_losses(task, _rows(outputs[task], rows), _rows(answers[task], rows)).items():
                total = total + weight * value
                terms[f"distil.{task}.{name}"] = value.detach()
        for name in self.features:
            value = self._feature_loss(name, features[name].float(), wanted[name].float())
            total = total + self.spec.features[name] * value
            terms[f"distil.{name}"] = value.detach()
        return self.spec.weight * total, terms

    def _task_losses(self, task: str, student: Maps, teacher: Maps) -> Terms:
        weights = {name: self.spec.output_weight(task, name) for name in student}
        return DISTANCES[self.kinds[task]](student, teacher, weights, self.spec)

    def _feature_loss(self, name: str, student: Tensor, teacher: Tensor) -> Tensor:
        key = name.replace(".", "/")  # a module's name holds no dot
        if key in self.projections:
            student = self.projections[key](student)
        return FEATURE_LOSSES[self.spec.feature_loss](student, teacher)


def _rows(maps: Mapping[str, Tensor], rows: Sequence[int]) -> dict[str, Tensor]:
    """These samples of a task's maps, float32."""
    return {name: (value if len(rows) == len(value) else value[rows]).float() for name, value in maps.items()}


def build_distiller(config: ExperimentConfig, device: torch.device) -> Distiller | None:
    """What `config.distillation` asks for, on `device`; None if it asks for nothing.

    Raises UserError for a teacher that cannot be read or whose answers are not those of the config's tasks, and for names
    that neither network has.
    """
    spec = config.distillation
    if spec is None or not spec.unlabelled:
        _check_labelled(config)
    if spec is None:
        return None
    path = find_checkpoint(spec.teacher)
    teacher, teachers_config, _ = load_checkpoint_network(path)
    torch.manual_seed(config.env.seed)  # of the projections: the same in each process
    student = config_network(config).eval()
    check_readable(teacher, (config.deploy_geometry.input_hw, config.train_geometry.crop_hw, *training_sizes(config)),
                   f"{path}: a teacher that")
    features = [name for name, weight in spec.features.items() if weight]
    _check_features(student, features, f"{KEY}.features")
    _check_features(teacher, features, f"{path}: {KEY}.features")
    image = torch.zeros(1, 3, *config.deploy_geometry.input_hw)
    have, have_features = _shapes(student, features, image)
    theirs, their_features = _shapes(teacher, features, image)
    tasks = _distilled_tasks(spec, have, config.classes)
    kinds = {task: kind for task, kind in config.kinds.items() if task in tasks}
    _check_same({name: shape for name, shape in have.items() if name.partition(".")[0] in tasks}, theirs, kinds, path)
    for task in kinds:
        _check_classes(task, config.classes[task], teachers_config.classes[task], path)
    channels = {}
    for name in features:
        if have_features[name][2:] != their_features[name][2:]:
            raise UserError(f"{path}: its '{name}' is a map of {_size(their_features[name])}, this config's of "
                            f"{_size(have_features[name])}; leave it out of {KEY}.features")
        channels[name] = have_features[name][1], their_features[name][1]
    identity = file_hash(path)
    if not features and not is_prepared(teacher):
        fold_bn(teacher, ["*"])  # the same answers in two thirds of the time; a feature may lie before BN, rounding would move
    return Distiller(spec, kinds, teacher.to(device), identity, channels).to(device)


def _check_labelled(config: ExperimentConfig) -> None:
    """Raises UserError for a source without labels, of which nothing is learnt."""
    for task in config.tasks:
        for source in task.train_sources:
            if isinstance(source, UnlabelledImages):
                raise UserError(f"tasks.{task.name}.train: source '{source.name}' has no labels, so only a teacher can use it; give "
                                f"--distill-from (with {KEY}.unlabelled=True), or leave the source out")


def _distilled_tasks(spec: Distillation, outputs: Shapes, tasks: Sequence[str]) -> set[str]:
    """Tasks with an output whose weight is above 0. Raises UserError for a key of `spec.outputs` that is no task and no output."""
    for name in spec.outputs or {}:
        if name not in outputs and name not in tasks:
            raise UserError(f"{KEY}.outputs.{name}: no task or output has this name{did_you_mean(name, [*outputs, *tasks])}")
    return {name.partition(".")[0] for name in outputs if spec.output_weight(*name.split(".", 1)) > 0}


def _check_same(wanted: Shapes, theirs: Shapes, kinds: Mapping[str, str], path: Path) -> None:
    """Raises UserError for an output that the teacher lacks, or has with other channels; the size of label maps may differ."""
    for name, shape in wanted.items():
        task = name.partition(".")[0]
        if name not in theirs:
            raise UserError(f"{path}: a teacher without '{name}'{did_you_mean(name, theirs)}; take another one, or name the tasks to "
                            f"learn in {KEY}.outputs")
        if shape[1] != theirs[name][1] or (shape != theirs[name] and kinds[task] != "segmentation"):
            raise UserError(f"{path}: the teacher's '{name}' has {theirs[name][1]} channels at {_size(theirs[name])}, this config's "
                            f"{shape[1]} at {_size(shape)}; take a teacher of the same '{task}'")


def _check_classes(task: str, wanted: Sequence[str], theirs: Sequence[str], path: Path) -> None:
    """Raises UserError for other names: as many classes in another order would be learnt as each other."""
    if tuple(wanted) != tuple(theirs):
        raise UserError(f"{path}: the teacher's classes of '{task}' are {', '.join(theirs)}, this config's {', '.join(wanted)}; they "
                        f"must have the same names and order")


def _size(shape: Sequence[int]) -> str:
    return f"{shape[2]}x{shape[3]}"


def _check_features(net: MultiTaskNet, features: Sequence[str], where: str) -> None:
    known = [name for name, _ in net.nodes.named_modules() if name]
    for name in features:
        if name not in known:
            raise UserError(f"{where}.{name}: the network has no such layer or block{did_you_mean(name, known)}")


@torch.no_grad()
def _shapes(net: MultiTaskNet, features: Sequence[str], image: Tensor) -> tuple[Shapes, Shapes]:
    """Shapes of outputs and features for `image`. Raises UserError for a feature that is no map."""
    with tapped(net, features) as found:
        outputs = flatten_outputs(net(image))
    for name in features:
        if not isinstance(found.get(name), Tensor):
            raise UserError(f"{KEY}.features.{name}: its result is not a feature map; name a layer or block inside of it")
    return ({name: tuple(value.shape) for name, value in outputs.items()}, {name: tuple(found[name].shape) for name in features})
