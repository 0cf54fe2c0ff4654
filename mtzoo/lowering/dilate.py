"""Keeps maps at a finer stride: a stride becomes a dilation of what follows (arXiv 1412.7062)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from mtzoo.errors import UserError
from mtzoo.lowering.steps import NO_PADDING, Conv, Padding, Pool, Step

Pair = tuple[int, int]


def with_output_stride(steps: Sequence[Step], inputs: Mapping[str, int], output_stride: int) -> list[Step]:
    """The steps in which no map is coarser than `output_stride`; each kept cell has the value it had.

    inputs: stride of what the network reads. Shapes in the steps are those of before. Raises UserError naming a pool that cannot be
    dilated, or for a stride that no map has.
    """
    strides = {name: (stride, stride) for name, stride in inputs.items()}
    rates: dict[str, Pair] = dict.fromkeys(inputs, (1, 1))
    cells = dict.fromkeys(inputs, 1 << 30)
    done, reached = [], max(inputs.values())
    for step in steps:
        source = max(step.reads, key=lambda name: cells[name])  # a gate of one cell says nothing
        rate, stride = rates[source], strides[source]
        if isinstance(step.operation, Conv | Pool):
            step, rate, stride = _finer(step, rate, stride, output_stride)
        elif rate != (1, 1) and step.shape[2] * step.shape[3] > cells[source] > 1:
            raise UserError(f"output_stride={output_stride}: {step.place} enlarges a map whose stride would "
                            "change; leave it out")
        cells[step.name] = step.shape[2] * step.shape[3]
        strides[step.name], rates[step.name] = stride, (1, 1) if cells[step.name] == 1 else rate
        reached = max(reached, *stride)
        done.append(step)
    if reached != output_stride:
        raise UserError(f"output_stride={output_stride}: the coarsest map has stride {reached}; use a power of two up to it")
    return done


def _finer(step: Step, rate: Pair, stride: Pair, limit: int) -> tuple[Step, Pair, Pair]:
    """The step with its stride, or with a dilation instead; rate and stride of its result."""
    operation: Conv | Pool = step.operation
    own = operation.stride
    kept = tuple(o if s * o <= limit else 1 for o, s in zip(own, stride, strict=True))
    after = tuple(r * o // k for r, o, k in zip(rate, own, kept, strict=True))
    coarser = tuple(s * k for s, k in zip(stride, kept, strict=True))
    if rate != (1, 1) or kept != own:
        if isinstance(operation, Pool) and operation.kind == "mean":
            operation = _mean_as_conv(operation, step)
        dilation = tuple(d * r for d, r in zip(operation.dilation, rate, strict=True))
        padding = _padding(operation, rate, kept)
        operation = replace(operation, stride=kept, dilation=dilation, padding=padding)
    return replace(step, operation=operation), after, coarser


def _mean_as_conv(pool: Pool, step: Step) -> Conv:
    """A mean over cells with holes between them: a depthwise convolution with constant weights."""
    channels = step.shape[1]
    if pool.padding != NO_PADDING and not pool.options.get("count_include_pad"):
        raise UserError(f"{step.place}: output_stride would need an average pool with holes whose windows differ at the "
                        "border; use a larger output_stride")
    weight = torch.full((channels, 1, *pool.kernel), 1 / (pool.kernel[0] * pool.kernel[1]))
    return Conv(channels, channels, pool.kernel, weight, torch.zeros(channels), pool.stride, pool.padding, groups=channels)


def _padding(operation: Conv | Pool, rate: Pair, kept: Pair) -> Padding:
    """As before in units of the dilation; where the stride is gone, as much behind as keeps the size."""
    top, left, bottom, right = operation.padding
    before = [top * rate[0], left * rate[1]]
    behind = [bottom * rate[0], right * rate[1]]
    for axis in (0, 1):
        if kept[axis] != operation.stride[axis]:
            reach = (operation.kernel[axis] - 1) * operation.dilation[axis] * rate[axis]
            behind[axis] = max(reach - before[axis], 0)
    return before[0], before[1], behind[0], behind[1]
