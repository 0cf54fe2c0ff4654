"""The network as a list of calls: what prepare, convert and export walk.

`trace` gives the torch.fx graph in which the leaves of `mtzoo.layers` are opaque; `read_program` reads it into plain
records, in execution order. Nothing but leaves may compute, so a program is complete: whoever can run `ConvBNAct`,
`Concat`, `UpsampleNearest2x` and `ImageQuant` on integers can run the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from mtzoo.errors import UserError
from mtzoo.layers import LEAVES, Concat, ConvBNAct, ImageQuant, UpsampleNearest2x

IMAGES = "images"  # what the first call reads


class LeafTracer(fx.Tracer):
    """Stops at the leaves: their inside is one arithmetic unit. PyTorch's own layers are seen as what they are, too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        passes_on = isinstance(m, nn.Identity)  # what a dropped block leaves
        return isinstance(m, LEAVES) or (not passes_on and super().is_leaf_module(m, module_qualified_name))

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As fx does. Raises UserError naming the module whose forward cannot be traced."""
        try:
            return super().call_module(m, forward, args, kwargs)
        except fx.proxy.TraceError as error:
            raise UserError(f"module '{self.path_of_module(m)}' ({type(m).__name__}): its forward depends on the values of a tensor "
                            f"({' '.join(str(error).split())[:120]}); write it without") from error


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

    @property
    def reads(self) -> tuple[str, ...]:
        """Everything it reads, its skip last."""
        return self.inputs if self.skip is None else (*self.inputs, self.skip)


def missing_rule(name: str, kind: type, rule: str, file: str) -> UserError:
    """The error for a leaf that some stage knows nothing of. rule: what is missing, e.g. "ONNX"; file: where it is to be added."""
    return UserError(f"layer '{name}': no {rule} rule for {kind.__name__}; add one to {file}")


@dataclass(frozen=True)
class Program:
    """calls: in execution order; outputs: task -> output name -> name of the call that computes it."""

    calls: tuple[Call, ...]
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def convs(self) -> tuple[Call, ...]:
        return tuple(call for call in self.calls if isinstance(call.module, ConvBNAct))


def read_program(net: nn.Module) -> Program:
    """Trace `net` into a Program.

    Raises UserError naming the module and what to use if something else than the leaves computes, or a leaf runs twice.
    """
    graph = LeafTracer().trace(net)
    modules, names, calls, outputs = dict(net.named_modules()), {}, [], {}
    for node in graph.nodes:
        if node.op == "placeholder":
            names[node] = IMAGES
        elif node.op == "call_module" and isinstance(modules[node.target], LEAVES):
            if node.target in names.values():
                raise UserError(f"layer '{node.target}' runs twice in one pass; its two inputs would need one scale: "
                                "give each place its own layer")
            names[node] = node.target
            calls.append(_read_call(node, modules[node.target], names))
        elif node.op == "output":
            outputs = fx.map_arg(node.args[0], lambda n: names[n])
        else:
            raise _foreign(node, modules)
    return Program(tuple(calls), {task: dict(maps) for task, maps in outputs.items()})


INSTEAD = {
    "ConvBNAct": ("conv2d", "batchnorm", "batchnorm2d", "relu"),
    "ConvBNAct's skip, conv(x, skip=y)": ("add", "iadd"),
    "Concat": ("cat", "concat"),
    "UpsampleNearest2x": ("interpolate", "upsample"),
}
"""Layer of mtzoo.layers -> what of PyTorch it stands for."""


def _foreign(node: fx.Node, modules: Mapping[str, nn.Module]) -> UserError:
    """The error for an operation that is no leaf: which module computes it, and what to write instead."""
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    if node.op == "call_module":
        place, name = f"module '{node.target}'", type(modules[node.target]).__name__
    else:
        place = f"module '{stack[-1]}'" if stack else "the network"
        name = node.target if isinstance(node.target, str) else node.target.__name__
    key = name.lower().replace("_", "")
    layer = next((layer for layer, stands_for in INSTEAD.items() if key in stands_for), None)
    advice = f"use {layer} of mtzoo.layers" if layer else \
        f"no layer of mtzoo.layers stands for it; there are {', '.join(leaf.__name__ for leaf in LEAVES)}"
    return UserError(f"{place} computes {name}, which cannot be quantized exactly; {advice}")


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
        elif isinstance(call.module, Concat | UpsampleNearest2x):
            found[call.name] = tuple(dict.fromkeys(p for name in call.inputs for p in found[name]))
        else:
            raise missing_rule(call.name, type(call.module), "producer", "mtzoo/quantization/graph.py")
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
        elif isinstance(call.module, Concat | UpsampleNearest2x):
            found[call.name] = _shared_grid(call, found)
        else:
            raise missing_rule(call.name, type(call.module), "grid", "mtzoo/quantization/graph.py")
    return found


def _conv_grid(call: Call, found: Mapping[str, Grid], state: Mapping[str, Tensor]) -> Grid:
    """Grid of a convolution's result; an accumulator with a skip lies on the finer of the two grids."""
    for name in call.reads:
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
