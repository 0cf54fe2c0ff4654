"""The losses of a config, and their sum."""

from types import MappingProxyType

import torch
from torch import Tensor, nn

from mtzoo.config import ExperimentConfig, TaskConfig
from mtzoo.config.task import LossSpec
from mtzoo.engine.auxiliary import AuxiliaryHeads
from mtzoo.engine.distillation import Distiller
from mtzoo.engine.distributed import unwrapped
from mtzoo.engine.taps import tapped
from mtzoo.errors import UserError
from mtzoo.losses.balance import FixedBalance, UncertaintyBalance
from mtzoo.losses.labelled import is_labelled
from mtzoo.registry import LOSSES, check_params, find
from mtzoo.structures import Batch, RawOutputs


class MultiTaskLoss(nn.Module):
    """Each task's loss on the samples that have its labels, weighted, balanced and summed. What is trained beside the network and
    thrown away is kept here: distiller: what a teacher adds; auxiliary: heads whose losses join their tasks'."""

    def __init__(self, config: ExperimentConfig, distiller: Distiller | None = None, auxiliary: AuxiliaryHeads | None = None) -> None:
        super().__init__()
        self.distiller, self.auxiliary = distiller, auxiliary
        self.weights = {task.name: task.loss.weight for task in config.tasks}
        self.losses = nn.ModuleDict({task.name: build_loss(task.loss, task, f"tasks.{task.name}.loss") for task in config.tasks})
        self.auxiliary_weights, self.auxiliary_losses = {}, nn.ModuleDict()
        if auxiliary is not None:
            for task in config.tasks:
                for i, head in enumerate(task.auxiliary):
                    self.auxiliary_weights[head.node.name] = head.weight
                    where = f"tasks.{task.name}.auxiliary[{i}].loss"
                    self.auxiliary_losses[head.node.name] = build_loss(head.loss or task.loss, task, where)
        names = list(self.losses)
        self.balance = UncertaintyBalance(names) if config.loss_balance == "uncertainty" else FixedBalance(self.weights)

    @property
    def teacher(self) -> str | None:
        """Identity of the teacher's file."""
        return None if self.distiller is None else self.distiller.identity

    def forward(self, outputs: RawOutputs, batch: Batch, beside: RawOutputs = MappingProxyType({})) -> tuple[Tensor, dict[str, Tensor]]:
        """(scalar to minimise, {"det_person.loss_box": scalar, ...} before weights, detached).

        beside: what the auxiliary heads answer; their terms are called "seg.<head>.loss_ce".
        """
        losses = {task: dict(loss(outputs[task], batch, task)) for task, loss in self.losses.items()}
        labelled = [task for task in self.losses if is_labelled(batch, task)]
        terms = {f"{task}.{name}": value.detach() for task in labelled for name, value in losses[task].items()}
        for head, maps in beside.items():
            task, weight = self.auxiliary.readers[head].task, self.auxiliary_weights[head]
            for name, value in self.auxiliary_losses[head](maps, batch, task).items():
                losses[task][f"{head}.{name}"] = weight * value
                if task in labelled:
                    terms[f"{task}.{head}.{name}"] = value.detach()
        if isinstance(self.balance, UncertaintyBalance):
            losses = {t: {k: v * self.weights[t] for k, v in named.items()} for t, named in losses.items()}
        taught = [task for task in labelled if self.weights[task]]  # the variance of a loss times 0 would fall without end
        return self.balance(losses, taught), terms


def build_loss(spec: LossSpec, task: TaskConfig, where: str) -> nn.Module:
    """One loss of a task. Raises UserError naming `where` for an unknown type, parameter or value."""
    cls = find(LOSSES, spec.type, f"{where}.type")
    check_params(cls, dict(spec.params), where, supplied=("num_classes",))
    try:
        return cls(num_classes=len(task.classes), **spec.params)
    except (UserError, TypeError, ValueError) as error:  # TypeError: a value of the wrong type
        raise UserError(f"{where}: {error}") from error


def compute_loss(net: nn.Module, criterion: MultiTaskLoss, batch: Batch, images: Tensor,
                 bf16: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward and losses of a batch; convolutions in bf16 where asked, losses in float32. images: (N, 3, H, W) float."""
    distiller, auxiliary = criterion.distiller, criterion.auxiliary
    read = (*(distiller.features if distiller else ()), *(auxiliary.nodes if auxiliary else ()))
    with tapped(unwrapped(net), read) as results, torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        outputs = net(images)
        beside = auxiliary(results) if auxiliary else {}
    outputs, beside = _float32(outputs), _float32(beside)
    total, terms = criterion(outputs, batch, beside)
    if distiller is None:
        return total, terms
    distance, more = distiller(images, outputs, results, batch, bf16)
    return total + distance, terms | more


def _float32(outputs: RawOutputs) -> RawOutputs:
    return {task: {name: value.float() for name, value in maps.items()} for task, maps in outputs.items()}
