"""A BN behind a Concat moves in front of it, where each map takes the part for its own channels.

In float nothing changes. In integers every map is then rounded behind its BN, where all of them have similar ranges. Rounded before it,
maps of very different ranges would share the scale of the largest, as in ESPNetv2's pyramids of unnormalised convolutions.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from mtzoo.layers import Concat
from mtzoo.lowering.fuse import IN_A_LEAF
from mtzoo.lowering.names import free_name
from mtzoo.lowering.published import Origin
from mtzoo.lowering.steps import Activation, Norm, Simple, Step

MOST_MAPS = 4
"""Of a Concat: of more maps, as deep in a DenseNet, so many small convolutions would cost more than they are worth."""


def norms_before_concats(steps: Sequence[Step], outputs: Sequence[str]) -> list[Step]:
    """The steps with every such BN, and the ReLU behind it, moved. The Concat takes the name of what stood last."""
    made = {step.name: step for step in steps}
    readers: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        for name in step.reads:
            readers[name].append(step)
    instead: dict[str, list[Step]] = {}
    taken = set(made)
    for step in steps:
        concat = made.get(step.inputs[0]) if isinstance(step.operation, Norm) else None
        if concat is None or not _may_move(concat, made, readers, outputs):
            continue
        tail = [step]
        behind = readers[step.name]
        if len(behind) == 1 and step.name not in outputs and isinstance(behind[0].operation, Activation):
            tail += behind if behind[0].operation.function in IN_A_LEAF else []
        instead |= {concat.name: [], **{gone.name: [] for gone in tail[:-1]}, tail[-1].name: _moved(concat, tail, made, taken)}
    return [new for step in steps for new in instead.get(step.name, [step])]


def _may_move(concat: Step, made: Mapping[str, Step], readers: Mapping[str, Sequence[Step]], outputs: Sequence[str]) -> bool:
    is_concat = isinstance(concat.operation, Simple) and concat.operation.make is Concat
    return (is_concat and len(readers[concat.name]) == 1 and concat.name not in outputs and len(concat.inputs) <= MOST_MAPS
            and all(name in made for name in concat.inputs))


def _moved(concat: Step, tail: Sequence[Step], made: Mapping[str, Step], taken: set[str]) -> list[Step]:
    """For each map its part of `tail`; then the Concat. taken: names of all steps, to which those of the parts are added."""
    new: list[Step] = []
    ends = []
    shapes = [made[name].shape for name in concat.inputs]
    bounds = pairwise(accumulate((shape[1] for shape in shapes), initial=0))
    for i, (name, shape, (start, stop)) in enumerate(zip(concat.inputs, shapes, bounds, strict=True)):
        for step in tail:
            operation = part_of(step.operation, start, stop) if isinstance(step.operation, Norm) else step.operation
            new.append(replace(step, name=free_name(f"{step.name}_{i}", taken), operation=operation, inputs=(name,), shape=shape))
            name = new[-1].name
            taken.add(name)
        ends.append(name)
    return [*new, replace(concat, name=tail[-1].name, inputs=tuple(ends))]


def part_of(norm: Norm, start: int, stop: int) -> Norm:
    """The BN of channels start ... stop - 1."""
    def part(origin: Origin | None) -> Origin | None:
        return None if origin is None else origin.part(start, stop)

    return replace(norm, channels=stop - start, mean=part(norm.mean), variance=part(norm.variance), scale=part(norm.scale),
                   shift=part(norm.shift))
