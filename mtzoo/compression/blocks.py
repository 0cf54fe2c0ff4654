"""Residual blocks, which may go as a whole: what reads their result then reads their input.

A small layer costs a runtime what it costs, however narrow; a block less saves that, too (layer pruning, arXiv 2007.05667).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mtzoo.graph import IMAGES, Call, Program, producers, signs
from mtzoo.layers import ConvBNAct

Removed = Mapping[str, Collection[int]]
"""Convolution -> its outputs that go."""


@dataclass(frozen=True)
class Block:
    """activation(x + branch(x)), where the activation leaves x as it is. name: path of its module; input: the result x; inside: the
    branch's leaves but the last, in execution order; convs: the convolutions among them; last: the convolution that adds x."""

    name: str
    input: str
    inside: tuple[str, ...]
    convs: tuple[str, ...]
    last: str


def residual_blocks(program: Program) -> list[Block]:
    """The modules that are such a block and nothing else, in execution order."""
    calls, readers = {call.name: call for call in program.calls}, _readers(program)
    sign, made_by = signs(program), producers(program)
    found = []
    for call in program.convs:
        if call.skip is None or not _leaves_as_is(call.module, sign[call.skip], [calls[name] for name in made_by[call.skip]]):
            continue
        inside = _inside(call, program, readers)
        convs = tuple(name for name in inside if isinstance(calls[name].module, ConvBNAct))
        paths = [path for path in call.within if all(path in calls[name].within for name in inside)]
        if convs and paths and {name for name, c in calls.items() if paths[-1] in c.within} == {*inside, call.name}:
            found.append(Block(paths[-1], call.skip, inside, convs, call.name))
    return found


def gone_blocks(program: Program, removed: Removed) -> list[Block]:
    """The blocks of which no convolution is left inside."""
    widths = {call.name: call.module.conv.out_channels for call in program.convs}
    return [block for block in residual_blocks(program)
            if all(len(set(removed.get(name, ()))) == widths[name] for name in block.convs)]


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


def _readers(program: Program) -> dict[str, set[str]]:
    """Result -> names of the calls that read it; that of an output is no call's."""
    found: dict[str, set[str]] = {}
    for call in program.calls:
        for name in call.reads:
            found.setdefault(name, set()).add(call.name)
    for maps in program.outputs.values():
        for name in maps.values():
            found.setdefault(name, set()).add("")
    return found


def _leaves_as_is(last: ConvBNAct, signed: bool, sources: Sequence[Call]) -> bool:
    """Whether the activation changes nothing of a skip that `sources` make. signed: it may be below 0."""
    ceilings = [call.module.ceiling for call in sources]
    below = last.ceiling is None or all(ceiling is not None and ceiling <= last.ceiling for ceiling in ceilings)
    return not last.relu or below and not signed


def _inside(last: Call, program: Program, readers: Mapping[str, set[str]]) -> tuple[str, ...]:
    """From the input of `last` back to its skip, in execution order; empty if it does not come from there alone, or others read it."""
    found, wanted = [], {last.inputs[0]}
    for call in reversed(program.calls):
        if call.name in wanted and call.name != last.skip:
            if not readers[call.name] <= {last.name, *found}:
                return ()
            found.insert(0, call.name)
            wanted.update(call.reads)
    return () if IMAGES in wanted else tuple(found)
