"""The losses of a config, and their sum."""

import torch
from torch import Tensor, nn

from mtzoo.config import ExperimentConfig
from mtzoo.engine.distillation import Distiller, tapped
from mtzoo.engine.distributed import unwrapped
from mtzoo.errors import UserError
from mtzoo.losses.balance import FixedBalance, UncertaintyBalance
from mtzoo.losses.labelled import is_labelled
from mtzoo.registry import LOSSES, check_params, find
from mtzoo.structures import Batch, RawOutputs


class MultiTaskLoss(nn.Module):
    """Each task's loss on the samples that have its labels, weighted, balanced and summed. distiller: what a teacher adds to it."""

    def __init__(self, config: ExperimentConfig, distiller: Distiller | None = None) -> None:
        super().__init__()
        self.distiller = distiller
        self.weights = {task.name: task.loss.weight for task in config.tasks}
        self.losses = nn.ModuleDict()
        for task in config.tasks:
            where = f"tasks.{task.name}.loss"
            cls = find(LOSSES, task.loss.type, f"{where}.type")
            check_params(cls, dict(task.loss.params), where, supplied=("num_classes",))
            try:
                self.losses[task.name] = cls(num_classes=len(task.classes), **task.loss.params)
            except (UserError, TypeError, ValueError) as error:  # TypeError: a value of the wrong type
                raise UserError(f"{where}: {error}") from error
        names = list(self.losses)
        self.balance = UncertaintyBalance(names) if config.loss_balance == "uncertainty" else FixedBalance(self.weights)

    @property
    def teacher(self) -> str | None:
        """Identity of the teacher's file."""
        return None if self.distiller is None else self.distiller.identity

    def forward(self, outputs: RawOutputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """(scalar to minimise, {"det_person.loss_box": scalar, ...} before weights, detached)."""
        losses = {task: loss(outputs[task], batch, task) for task, loss in self.losses.items()}
        labelled = [task for task in self.losses if is_labelled(batch, task)]
        if isinstance(self.balance, UncertaintyBalance):
            scaled = {t: {k: v * self.weights[t] for k, v in named.items()} for t, named in losses.items()}
            total = self.balance(scaled, labelled)
        else:
            total = self.balance(losses, labelled)
        terms = {f"{task}.{name}": value.detach() for task, named in losses.items() for name, value in named.items()
                 if task in labelled}
        return total, terms


def compute_loss(net: nn.Module, criterion: MultiTaskLoss, batch: Batch, images: Tensor,
                 bf16: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward and losses of a batch; convolutions in bf16 where asked, losses in float32. images: (N, 3, H, W) float."""
    distiller = criterion.distiller
    with tapped(unwrapped(net), distiller.features if distiller else ()) as features, \
            torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        outputs = net(images)
    outputs = {task: {name: value.float() for name, value in maps.items()} for task, maps in outputs.items()}
    total, terms = criterion(outputs, batch)
    if distiller is None:
        return total, terms
    distance, more = distiller(images, outputs, features, batch, bf16)
    return total + distance, terms | more
