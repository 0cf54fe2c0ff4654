"""The network as a list of calls: what quantization, export and compression walk.

`trace` gives the torch.fx graph in which the leaves of `mtzoo.layers` are opaque; `read_program` reads it into plain
records, in execution order. Nothing but leaves may compute, so a program is complete: whoever follows the rules that a
leaf's class states can run the network on integers, write it down or cut it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from torch import fx, nn

from mtzoo.errors import UserError
from mtzoo.layers import ConvBNAct, Leaf

IMAGES = "images"  # what the first call reads


class LeafTracer(fx.Tracer):
    """Stops at the leaves: their inside is one arithmetic unit. PyTorch's own layers are seen as what they are, too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        passes_on = isinstance(m, nn.Identity)  # what a dropped block leaves
        return isinstance(m, Leaf) or (not passes_on and super().is_leaf_module(m, module_qualified_name))

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
    """A leaf in the flow of a network.

    Attributes:
        name: The module path, e.g. `"nodes.backbone.stem"`. It is also the name of the result.
        module: The leaf.
        inputs: The names of the results that it reads, without the skip.
        skip: The name of the result that is added in its accumulator. None: no skip.
        within: The paths of the modules whose forward called it, the outermost first.
    """

    name: str
    module: Leaf
    inputs: tuple[str, ...]
    skip: str | None = None
    within: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of all results that it reads, the skip last."""
        return self.inputs if self.skip is None else (*self.inputs, self.skip)


@dataclass(frozen=True)
class Program:
    """A network as a list of calls.

    Attributes:
        calls: The calls in execution order.
        outputs: Task -> output -> name of the call that computes it.
    """

    calls: tuple[Call, ...]
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def convs(self) -> tuple[Call, ...]:
        """The calls of convolutions."""
        return tuple(call for call in self.calls if isinstance(call.module, ConvBNAct))


def read_program(net: nn.Module) -> Program:
    """Read the layer calls of a network.

    A leaf that rounds nothing may run at several places. The result of its second place is called `<module path>#2`.

    Args:
        net: A network of leaves.

    Raises:
        UserError: Something other than a leaf computes, or a leaf that rounds runs twice. The message names the module.
    """
    graph = LeafTracer().trace(net)
    modules, names, calls, outputs = dict(net.named_modules()), {}, [], {}
    runs: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "placeholder":
            names[node] = IMAGES
        elif node.op == "call_module" and isinstance(modules[node.target], Leaf):
            runs[node.target] += 1
            calls.append(_read_call(node, modules[node.target], names, runs[node.target]))
            names[node] = calls[-1].name
        elif node.op == "output":
            outputs = fx.map_arg(node.args[0], lambda n: names[n])
        else:
            raise _foreign(node, modules)
    return Program(tuple(calls), {task: dict(maps) for task, maps in outputs.items()})


INSTEAD = {
    "ConvBNAct": ("conv2d", "batchnorm", "batchnorm2d", "relu"),
    "ConvBNAct's skip, conv(x, skip=y)": ("add", "iadd"),
    "Concat": ("cat", "concat"),
    "UpsampleNearest": ("interpolate", "upsample"),
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
    advice = f"use {layer} of mtzoo.layers" if layer else "no layer of mtzoo.layers stands for it"
    return UserError(f"{place} computes {name}, which cannot be quantized exactly; {advice}")


def _read_call(node: fx.Node, module: Leaf, names: Mapping[fx.Node, str], run: int) -> Call:
    """run: how many times the module has run so far, this one included."""
    if run > 1 and module.grid_rule != "pass":
        raise UserError(f"layer '{node.target}' runs twice in one pass; its two inputs would need one scale: "
                        "give each place its own layer")
    name = node.target if run == 1 else f"{node.target}#{run}"
    given = signature(module.forward).bind(*node.args, **node.kwargs).args  # by position or by name
    reads = tuple(names[read] for read in given if read is not None)
    if isinstance(module, ConvBNAct):
        return Call(name, module, reads[:1], reads[1] if len(reads) > 1 else None, _within(node))
    return Call(name, module, reads, within=_within(node))


def _within(node: fx.Node) -> tuple[str, ...]:
    """Paths of the modules around a call; of one that runs its leaves itself (it can drop blocks), the modules that hold them, too."""
    stack = [(path, kind) for path, kind in node.meta["nn_module_stack"].values() if path != node.target]
    paths = [path for path, _ in stack]
    if stack and hasattr(stack[-1][1], "drop_block"):
        parts, known = str(node.target).split("."), paths[-1].count(".") + 1 if paths[-1] else 0
        paths += [".".join(parts[:count]) for count in range(known + 1, len(parts))]
    return tuple(paths)
