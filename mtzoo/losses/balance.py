"""Many tasks' losses -> one scalar."""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError, did_you_mean

TaskLosses = Mapping[str, Mapping[str, Tensor]]
"""task -> loss name -> scalar."""


def _check_tasks(losses: TaskLosses, known: Collection[str]) -> None:
    for task in losses:
        if task not in known:
            raise UserError(f"loss balance: task '{task}' has no weight{did_you_mean(task, known)}")


class FixedBalance(nn.Module):
    """sum of weight_t * L_t. weights: task -> factor, 0 or more."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        for task, weight in weights.items():
            if not 0.0 <= weight < float("inf"):
                raise UserError(f"loss weight of {task} is {weight}: must be a number of 0 or more")
        self.weights = dict(weights)

    def forward(self, losses: TaskLosses, labelled: Collection[str]) -> Tensor:
        """The weighted sum over all tasks; those not in `labelled` are zero anyway."""
        _check_tasks(losses, self.weights)
        return sum(self.weights[task] * value for task, named in losses.items() for value in named.values())


class UncertaintyBalance(nn.Module):
    """sum of exp(-s_t) * L_t + s_t with learnt s_t = log variance (Kendall, Gal and Cipolla, CVPR 2018).

    A task without labels in a batch leaves its s_t alone: otherwise s_t would fall with every such batch.
    The parameters take no weight decay.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.log_variances = nn.ParameterDict({task: nn.Parameter(torch.zeros(())) for task in tasks})

    def forward(self, losses: TaskLosses, labelled: Collection[str]) -> Tensor:
        """labelled: the tasks that some sample of the batch has labels for."""
        _check_tasks(losses, self.log_variances)
        terms = []
        for task, named in losses.items():
            log_variance, loss = self.log_variances[task], sum(named.values())
            terms.append(torch.exp(-log_variance) * loss + (log_variance if task in labelled else 0.0))
        return sum(terms)
