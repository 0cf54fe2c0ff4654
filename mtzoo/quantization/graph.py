"""The network as a list of calls: what prepare, convert and export walk.

`trace` gives the torch.fx graph in which the leaves of `mtzoo.layers` are opaque; `read_program` reads it into plain
records, in execution order. Nothing but leaves may compute, so a program is complete: whoever can run `ConvBNAct`,
`Concat`, `UpsampleNearest2x` and `ImageQuant` on integers can run the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from mtzoo.errors import UserError
from mtzoo.layers import LEAVES, Concat, ConvBNAct, ImageQuant

IMAGES = "images"  # what the first call reads


class LeafTracer(fx.Tracer):
    """Stops at the leaves: their inside is one arithmetic unit."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES)


def trace(net: nn.Module) -> fx.GraphModule:
    """The graph of `net`: placeholder, one call_module node per leaf (target = module path), output."""
    return fx.GraphModule(net, LeafTracer().trace(net))


@dataclass(frozen=True)
class Call:
    """One leaf at work. name: module path ("nodes.backbone.stem"), also the name of its result.

    inputs: names of the results it reads, without the skip; skip: the result added in the accumulator, or None; within: paths of the
    modules whose forward called it, the outermost first.
    """

    name: str
    module: nn.Module
    inputs: tuple[str, ...]
    skip: str | None = None
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """calls: in execution order; outputs: task -> output name -> name of the call that computes it."""

    calls: tuple[Call, ...]
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def convs(self) -> tuple[Call, ...]:
        return tuple(call for call in self.calls if isinstance(call.module, ConvBNAct))


def read_program(net: nn.Module) -> Program:
    """Trace `net` into a Program. Raises UserError if something else than the leaves computes, or a leaf runs twice."""
    graph = LeafTracer().trace(net)
    modules, names, calls, outputs = dict(net.named_modules()), {}, [], {}
    for node in graph.nodes:
        if node.op == "placeholder":
            names[node] = IMAGES
        elif node.op == "call_module":
            if node.target in names.values():
                raise UserError(f"layer '{node.target}' runs twice in one pass; its two inputs would need one scale: "
                                "give each place its own layer")
            names[node] = node.target
            calls.append(_read_call(node, modules[node.target], names))
        elif node.op == "output":
            outputs = fx.map_arg(node.args[0], lambda n: names[n])
        else:
            raise UserError(f"the network computes '{node.target}' outside the layers of mtzoo.layers.LEAVES; "
                            "write it with those layers, so that it can be quantized")
    return Program(tuple(calls), {task: dict(maps) for task, maps in outputs.items()})


def _read_call(node: fx.Node, module: nn.Module, names: Mapping[fx.Node, str]) -> Call:
    within = tuple(path for path, _ in node.meta["nn_module_stack"].values() if path != node.target)
    if isinstance(module, ConvBNAct):
        x, skip = (*node.args, node.kwargs.get("skip"))[:2]  # the skip by position, by name, or None
        return Call(node.target, module, (names[x],), names.get(skip), within)
    return Call(node.target, module, tuple(names[arg] for arg in node.args), within=within)


def producers(program: Program) -> dict[str, tuple[str, ...]]:
    """Result -> names of the convolutions (or the image) whose numbers it holds, through upsampling and concat."""
    found: dict[str, tuple[str, ...]] = {}
    for call in program.calls:
        if isinstance(call.module, ConvBNAct | ImageQuant):
            found[call.name] = (call.name,)
        else:
            found[call.name] = tuple(dict.fromkeys(p for name in call.inputs for p in found[name]))
    return found


@dataclass(frozen=True)
class Grid:
    """The integers a result is made of: value = integer * 2^exponent.

    exponent: () int32 for 8-bit results, (C,) int32 for accumulators; low, high: what the integers are clamped to, None for
    accumulators.
    """

    exponent: Tensor
    low: int | None = None
    high: int | None = None

    @property
    def magnitude(self) -> int:
        """The largest absolute value of an 8-bit result's integers."""
        return max(-self.low, self.high)

    @property
    def dtype(self) -> torch.dtype:
        return torch.int32 if self.low is None else torch.int8 if self.low < 0 else torch.uint8


IMAGE_GRID = Grid(torch.tensor(ImageQuant.exponent, dtype=torch.int32), -128, 127)


def grids(program: Program, state: Mapping[str, Tensor]) -> dict[str, Grid]:
    """Result -> its grid, from the integers of `integer_state` (see `mtzoo.quantization.state`).

    Raises UserError where a Concat joins different grids or a layer reads an accumulator.
    """
    found: dict[str, Grid] = {}
    for call in program.calls:
        if isinstance(call.module, ImageQuant):
            found[call.name] = IMAGE_GRID
        elif isinstance(call.module, ConvBNAct):
            found[call.name] = _conv_grid(call, found, state)
        else:
            found[call.name] = _shared_grid(call, found)
    return found


def _conv_grid(call: Call, found: Mapping[str, Grid], state: Mapping[str, Tensor]) -> Grid:
    """Grid of a convolution's result; an accumulator with a skip lies on the finer of the two grids."""
    for name in (*call.inputs, *((call.skip,) if call.skip else ())):
        if found[name].low is None:
            raise UserError(f"layer '{call.name}' reads '{name}', an accumulator that nobody rounded to 8 bits")
    output = state.get(f"{call.name}.output_exponent")
    if output is not None:
        return Grid(output.int(), *((0, 255) if call.module.relu else (-128, 127)))
    exponent = found[call.inputs[0]].exponent + state[f"{call.name}.weight_exponent"].int()
    return Grid(exponent if call.skip is None else torch.minimum(exponent, found[call.skip].exponent))


def _shared_grid(call: Call, found: Mapping[str, Grid]) -> Grid:
    first, *others = (found[name] for name in call.inputs)
    for name, grid in zip(call.inputs[1:], others):
        if (int(grid.exponent), grid.low, grid.high) != (int(first.exponent), first.low, first.high):
            raise UserError(f"'{call.name}' joins '{call.inputs[0]}' and '{name}', which have different scales")
    return first


def sharing_groups(program: Program) -> list[tuple[str, ...]]:
    """Convolutions that have to share one activation quantizer because a Concat joins them (disjoint groups)."""
    made_by, groups = producers(program), []
    for call in program.calls:
        if isinstance(call.module, Concat):
            group = set(made_by[call.name])
            for other in [g for g in groups if g & group]:
                group |= other
                groups.remove(other)
            groups.append(group)
    order = {call.name: i for i, call in enumerate(program.calls)}
    return [tuple(sorted(group, key=order.__getitem__)) for group in groups]
