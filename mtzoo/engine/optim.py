"""Optimizers and learning-rate schedules from their specs."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtzoo.config.schema import OptimizerSpec, ScheduleSpec


def build_optimizer(modules: Iterable[nn.Module], spec: OptimizerSpec) -> Optimizer:
    """One optimizer over the modules' parameters; weight decay spares vectors (BN, biases, loss balances)."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [{"params": [p for p in parameters if p.ndim > 1], "weight_decay": spec.weight_decay},
              {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]
    if spec.type == "SGD":
        return SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.momentum > 0)
    return AdamW(groups, lr=spec.lr)


def learning_rate_factor(iteration: int, total: int, spec: ScheduleSpec) -> float:
    """Factor of lr at `iteration` of `total`: linear warm-up, then the spec's curve down to min_lr_ratio."""
    warmup = min(spec.warmup_iterations, total // 3)  # a short phase still reaches its full rate
    if iteration < warmup:
        return (iteration + 1) / (warmup + 1)
    progress = min((iteration - warmup) / max(total - warmup, 1), 1.0)
    curve = {"constant": 1.0, "poly": (1 - progress) ** spec.power,
             "cosine": 0.5 * (1 + math.cos(math.pi * progress))}[spec.type]
    return spec.min_lr_ratio + (1 - spec.min_lr_ratio) * curve


def build_schedule(optimizer: Optimizer, total: int, spec: ScheduleSpec) -> LambdaLR:
    """`spec` over `total` iterations, stepped once an iteration."""
    return LambdaLR(optimizer, lambda iteration: learning_rate_factor(iteration, total, spec))
