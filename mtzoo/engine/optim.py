"""Optimizers and learning-rate schedules from their specs."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtzoo.config.solver import Multiplier, OptimizerSpec, ScheduleSpec

OPTIMIZER_STATE = {SGD: {"momentum_buffer"}, AdamW: {"step", "exp_avg", "exp_avg_sq"}}
"""What each keeps of a parameter."""


def build_optimizer(modules: Iterable[nn.Module], spec: OptimizerSpec,
                    nodes: Mapping[str, nn.Module] = MappingProxyType({})) -> Optimizer:
    """One optimizer over the modules' parameters that are not frozen; weight decay spares vectors (BN, biases, loss balances).

    nodes: name -> part of the modules that `spec.multipliers` may name. The first group has the spec's own rate.
    """
    own = {parameter: spec.multiplier(name) for name, node in nodes.items() for parameter in node.parameters()}
    members: dict[Multiplier, list[nn.Parameter]] = {Multiplier(): []}
    for parameter in (p for module in modules for p in module.parameters() if p.requires_grad):
        members.setdefault(own.get(parameter, Multiplier()), []).append(parameter)
    groups = []
    for factors, parameters in members.items():
        groups += [{"params": [p for p in parameters if (p.ndim > 1) == decayed], "lr": factors.lr * spec.lr,
                    "weight_decay": factors.weight_decay * spec.weight_decay if decayed else 0.0} for decayed in (True, False)]
    if spec.type == "SGD":
        return SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.momentum > 0)
    return AdamW(groups, lr=spec.lr)


def learning_rate_factor(iteration: int, total: int, spec: ScheduleSpec) -> float:
    """Factor of lr at `iteration` of `total`: the warm-up, then the spec's curve down to min_lr_ratio, or its pieces."""
    warmup = min(spec.warmup_iterations, total // 3)  # a short phase still reaches its full rate
    if iteration < warmup:
        start, progress = spec.warmup_ratio or 1 / (warmup + 1), iteration / warmup
        return start + (1 - start) * progress if spec.warmup == "linear" else start ** (1 - progress)
    if spec.type == "piecewise":
        return (1.0, *spec.factors)[bisect_right(spec.boundaries, iteration)]
    progress = min((iteration - warmup) / max(total - warmup, 1), 1.0)
    curve = {"constant": 1.0, "poly": (1 - progress) ** spec.power,
             "cosine": 0.5 * (1 + math.cos(math.pi * cycle_progress(progress, spec)))}[spec.type]
    return spec.min_lr_ratio + (1 - spec.min_lr_ratio) * curve


def cycle_progress(progress: float, spec: ScheduleSpec) -> float:
    """How far a cosine's present cycle is (0..1), `progress` of the way through all of them (SGDR, arXiv 1608.03983)."""
    lengths = [spec.cycle_mult**i for i in range(spec.cycles)]
    left = progress * sum(lengths)
    for length in lengths[:-1]:
        if left < length * (1 - 1e-9):  # a cycle's end is the next one's begin, whatever rounding says
            return left / length
        left = max(left - length, 0.0)
    return left / lengths[-1]


def build_schedule(optimizer: Optimizer, total: int, spec: ScheduleSpec) -> LambdaLR:
    """`spec` over `total` iterations, stepped once an iteration."""
    return LambdaLR(optimizer, lambda iteration: learning_rate_factor(iteration, total, spec))


def load_optimizer_state(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Go on from the state of an optimizer of the same kind. Raises ValueError, or what torch raises, for any other."""
    for own, held in zip(optimizer.state_dict()["param_groups"], state["param_groups"], strict=True):
        for key, value in own.items():
            if isinstance(value, (int, float)) and type(held.get(key, value)) is not type(value):
                raise ValueError(f"{key} is not of type {type(value).__name__}")
    optimizer.load_state_dict(dict(state))
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            held = optimizer.state.get(parameter, {})
            if held and set(held) != OPTIMIZER_STATE[type(optimizer)]:
                raise ValueError(f"a parameter's state is {sorted(map(str, held))}")
            for key, value in held.items():
                if key != "step" and value is not None and (not isinstance(value, Tensor) or value.shape != parameter.shape):
                    raise ValueError(f"{key} has not the shape of its parameter, {tuple(parameter.shape)}")


def load_schedule_state(schedule: LambdaLR, state: Mapping[str, Any]) -> None:
    """Go on from the state of a schedule. Only what it has is taken. Raises ValueError for values of other types."""
    own = schedule.state_dict()
    for key, value in state.items():
        if key in own and type(value) is not type(own[key]):
            raise ValueError(f"{key} is not of type {type(own[key]).__name__}")
    schedule.load_state_dict({**own, **{key: state[key] for key in own if key in state}})
