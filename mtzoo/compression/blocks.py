"""Residual blocks, which may go as a whole: what reads their result then reads their input.

A small layer costs a runtime what it costs, however narrow; a block less saves that, too (layer pruning, arXiv 2007.05667).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mtzoo.graph import IMAGES, Call, Program, producers, signs
from mtzoo.graph.channels import result_channels
from mtzoo.layers import ConvBNAct, Sum
from mtzoo.layers.activation import Activated

Removed = Mapping[str, Collection[int]]
"""Convolution -> its outputs that go."""


@dataclass(frozen=True)
class Block:
    """activation(x + branch(x)), where the activation leaves x as it is. name: path of its module; input: the result x; inside: the
    branch's leaves without the last of the block, in execution order; last: the leaf that adds x, a convolution with a skip or a Sum.

    adds: the convolutions whose channels are added to x; they can only go with those of x. convs: the other ones inside.
    """

    name: str
    input: str
    inside: tuple[str, ...]
    last: str
    adds: tuple[str, ...]
    convs: tuple[str, ...]


def residual_blocks(program: Program) -> list[Block]:
    """The modules that are such a block and nothing else, in execution order."""
    calls, readers, makers = {call.name: call for call in program.calls}, _readers(program), _makers(program)
    sign, made_by = signs(program), producers(program)
    found = []
    for call in program.calls:
        for source in _possible_inputs(call):
            if not _leaves_as_is(call.module, sign[source], [calls[name] for name in made_by[source]]):
                continue
            inside = _inside(call, source, program, readers)
            adds = _added(call, source, makers)
            convs = tuple(name for name in inside if isinstance(calls[name].module, ConvBNAct) and name not in adds)
            paths = [path for path in call.within if all(path in calls[name].within for name in inside)]
            whole = paths and {name for name, c in calls.items() if paths[-1] in c.within} == {*inside, call.name}
            if convs and whole and adds and set(adds) <= {*inside, call.name}:
                found.append(Block(paths[-1], source, inside, call.name, adds, convs))
    return found


def removed_blocks(program: Program, removed: Removed) -> list[Block]:
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


def _possible_inputs(last: Call) -> Sequence[str]:
    """The results of which one may be the input of the block that a leaf ends."""
    if isinstance(last.module, Sum):
        return tuple(dict.fromkeys(last.inputs))
    return () if last.skip is None else (last.skip,)


def _makers(program: Program) -> dict[str, list[str]]:
    """Result -> the convolution that makes each of its channels; "" where none does."""
    return result_channels(program, lambda call: [call.name] * call.module.conv.out_channels, "")


def _added(last: Call, source: str, makers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The convolutions that make what `last` adds to `source`, channel by channel; none if it is not of the same channels."""
    maps = [makers[last.name]] if last.skip is not None else [makers[name] for name in last.inputs if name != source]
    if any(len(channels) != len(makers[source]) for channels in maps):
        return ()
    return tuple(dict.fromkeys(name for channels in maps for name in channels))


def _leaves_as_is(last: Activated, signed: bool, sources: Sequence[Call]) -> bool:
    """Whether the activation changes nothing of a skip that `sources` make. signed: it may be below 0."""
    ceilings = [call.module.ceiling for call in sources]
    below = last.ceiling is None or all(ceiling is not None and ceiling <= last.ceiling for ceiling in ceilings)
    return not last.relu or below and not signed


def _inside(last: Call, source: str, program: Program, readers: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The layers that compute what `last` adds to `source`, in execution order. Empty if they read more than `source`, or others read
    them."""
    found, wanted = [], set(last.reads) - {source}
    for call in reversed(program.calls):
        if call.name in wanted and call.name != source:
            if not readers[call.name] <= {last.name, *found}:
                return ()
            found.insert(0, call.name)
            wanted.update(call.reads)
    return () if IMAGES in wanted else tuple(found)
