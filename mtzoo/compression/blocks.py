"""Residual blocks, which may go as a whole: what reads their result then reads their input.

A small layer costs a runtime what it costs, however narrow; a block less saves that, too (layer pruning, arXiv 2007.05667).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mtzoo.graph import Call, Program, producers
from mtzoo.layers import ConvBNAct

Removed = Mapping[str, Collection[int]]
"""Convolution -> its outputs that go."""


@dataclass(frozen=True)
class Block:
    """relu(x + branch(x)), x >= 0. name: path of its module; input: the result x; inside: the branch's convolutions but the last;
    last: the one that adds x."""

    name: str
    input: str
    inside: tuple[str, ...]
    last: str


def residual_blocks(program: Program) -> list[Block]:
    """The modules that are such a block and nothing else, in execution order."""
    calls, made_by = {call.name: call for call in program.calls}, producers(program)
    reads = Counter(name for call in program.calls for name in call.reads)
    reads.update(name for maps in program.outputs.values() for name in maps.values())
    found = []
    for call in program.convs:
        if call.skip is None or not call.module.relu or not all(_is_rectified(calls[name]) for name in made_by[call.skip]):
            continue
        inside = _inside(call, calls, reads)
        paths = [path for path in call.within if all(path in calls[name].within for name in inside)]
        if inside and paths and {name for name, c in calls.items() if paths[-1] in c.within} == {*inside, call.name}:
            found.append(Block(paths[-1], call.skip, inside, call.name))
    return found


def gone_blocks(program: Program, removed: Removed) -> list[Block]:
    """The blocks of which nothing is left inside."""
    widths = {call.name: call.module.conv.out_channels for call in program.convs}
    return [block for block in residual_blocks(program)
            if all(len(set(removed.get(name, ()))) == widths[name] for name in block.inside)]


def pass_over(program: Program, blocks: Sequence[Block]) -> Program:
    """The program without some blocks; calls that do not read their results stay the same objects."""
    inputs = {block.last: block.input for block in blocks}
    gone = {name for block in blocks for name in (*block.inside, block.last)}

    def source(name: str) -> str:
        while name in inputs:
            name = inputs[name]
        return name

    def joined(call: Call) -> Call:
        if not any(name in inputs for name in call.reads):
            return call
        return replace(call, inputs=tuple(source(name) for name in call.inputs), skip=None if call.skip is None else source(call.skip))

    return Program(tuple(joined(call) for call in program.calls if call.name not in gone), program.outputs)


def _is_rectified(call: Call) -> bool:
    return isinstance(call.module, ConvBNAct) and call.module.relu


def _inside(last: Call, calls: Mapping[str, Call], reads: Mapping[str, int]) -> tuple[str, ...]:
    """From the input of `last` back to its skip; empty if it does not come from there alone."""
    inside, name = [], last.inputs[0]
    while name != last.skip:
        call = calls.get(name)
        if call is None or not isinstance(call.module, ConvBNAct) or call.skip is not None or reads[name] != 1:
            return ()
        inside.insert(0, name)
        name = call.inputs[0]
    return tuple(inside)
