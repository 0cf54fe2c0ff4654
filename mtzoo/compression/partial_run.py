"""A pruned network run from where it differs: what the original has computed for the same images before that is taken over.

The same layers see the same numbers as in the pruned network by itself, so the outputs are equal to the last bit.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtzoo.compression.blocks import Removed, pass_over, removed_blocks
from mtzoo.compression.pruning import kept_channels, prune_call
from mtzoo.graph import Call, Program
from mtzoo.layers import ConvBNAct
from mtzoo.structures import RawOutputs

Results = dict[str, Tensor]
"""Name of a call -> what it computed, (N, C, H, W)."""


@dataclass(frozen=True)
class PartialProgram:
    """The calls of a pruned network that differ from the original's, or read what differs."""

    program: Program

    def reads(self, tasks: Collection[str]) -> set[str]:
        """The original's results that the outputs of `tasks` are made with."""
        wanted = self._wanted(tasks)
        own = {call.name for call in self.program.calls}
        read = {name for call in needed_calls(self.program, wanted) for name in call.reads}
        return (read | {name for maps in wanted.values() for name in maps.values()}) - own

    def outputs(self, original: Results, tasks: Collection[str]) -> RawOutputs:
        """Raw outputs of those of `tasks` that differ; the others are the original's. original: of `run_calls`, what `reads` says."""
        wanted = self._wanted(tasks)
        results = {**original, **run_calls(needed_calls(self.program, wanted), original)}
        return {task: {output: results[name] for output, name in maps.items()} for task, maps in wanted.items()}

    def _wanted(self, tasks: Collection[str]) -> dict[str, Mapping[str, str]]:
        return {task: maps for task, maps in self.program.outputs.items() if task in tasks}


def pruned_part(program: Program, removed: Removed) -> PartialProgram:
    """The part of a float program that changes when channels go; whole units, see `mtzoo.compression.channels`."""
    before = {call.name: call for call in program.calls}
    program = pass_over(program, removed_blocks(program, removed))
    kept = kept_channels(program, removed)
    changed: set[str] = set()
    calls = []
    for call in program.calls:
        differs = call is not before[call.name] or not bool(kept[call.name].all())
        if differs or any(name in changed for name in call.reads):
            changed.add(call.name)
            calls.append(_pruned_call(call, kept))
    outputs = {task: maps for task, maps in program.outputs.items() if any(name in changed for name in maps.values())}
    return PartialProgram(Program(tuple(calls), outputs))


def _pruned_call(call: Call, kept: Mapping[str, Tensor]) -> Call:
    """The call with a narrow copy of its layer, if any of its channels has gone."""
    if not isinstance(call.module, ConvBNAct) or bool(kept[call.inputs[0]].all() and kept[call.name].all()):
        return call
    layer = deepcopy(call.module)
    prune_call(layer, kept[call.inputs[0]], kept[call.name])
    return replace(call, module=layer)


def needed_calls(program: Program, outputs: Mapping[str, Mapping[str, str]]) -> tuple[Call, ...]:
    """The calls of a program that some outputs depend on, in execution order. outputs: as in `Program`."""
    needed = {name for maps in outputs.values() for name in maps.values()}
    calls = []
    for call in reversed(program.calls):
        if call.name in needed:
            needed.update(call.reads)
            calls.append(call)
    return tuple(reversed(calls))


@torch.no_grad()
def run_calls(calls: Iterable[Call], given: Results) -> Results:
    """The results of calls in their order; what they do not compute themselves is `given`: the images as
    `mtzoo.quantization.graph.IMAGES`."""
    own: Results = {}
    for call in calls:
        values = [own[name] if name in own else given[name] for name in call.reads]
        own[call.name] = call.module(*values)
    return own
