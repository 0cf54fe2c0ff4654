"""From a traced graph to steps: each operator is looked up in one table and says which steps it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError
from mtzoo.layers import Leaf, Spread
from mtzoo.lowering.advice import advice, is_out_of_reach
from mtzoo.lowering.in_place import is_in_place, wholes
from mtzoo.lowering.names import free_name
from mtzoo.lowering.published import Origin
from mtzoo.lowering.steps import Activation, Kept, Operation, Padding, Simple, Step, place_of
from mtzoo.lowering.trace import Extent


@dataclass(frozen=True)
class Result:
    """A map that a step computes. shape: as PyTorch sees it here; a (N, C) vector is the (N, C, 1, 1) map that the step makes."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Padded:
    """A map with constant cells around it, which the next convolution or pool takes in."""

    base: Result
    padding: Padding
    value: float


@dataclass(frozen=True)
class Grouped:
    """Channels as (groups, C / groups), which a channel shuffle swaps and joins again."""

    base: Result
    groups: int
    swapped: bool = False


@dataclass(frozen=True)
class Flat:
    """Height and width as one dimension: (N, C, H * W)."""

    base: Result


@dataclass(frozen=True)
class Expanded:
    """A map of one cell at every place of another, or of one channel for several: sums and products broadcast by themselves. shape: as
    PyTorch sees it; like: the other map, None where its shape was not read of one."""

    base: Result
    shape: tuple[int, ...]
    like: str | None


@dataclass(frozen=True)
class Weights:
    """Learnt values, or what is computed from such alone. shape: as PyTorch sees them."""

    origin: Origin
    shape: tuple[int, ...]

    def then(self, step: Callable[[Tensor], Tensor]) -> "Weights":
        """These values, and then an elementwise `step`."""
        return replace(self, origin=self.origin.then(step))


@dataclass
class Cell:
    """What a traced value is by now. Names of one tensor share a cell: an operation in place changes what all of them read."""

    value: Any


@dataclass
class Site:
    """One operator at work: where it stands, and how it adds its steps."""

    reader: "Reader"
    node: fx.Node
    module: nn.Module | None

    @property
    def path(self) -> str:
        """Of the module that computes it; empty for the network's own forward."""
        if self.node.op == "call_module":
            return str(self.node.target)
        stack = [path for path, _ in (self.node.meta.get("nn_module_stack") or {}).values()]
        return stack[-1] if stack else ""

    @property
    def operator(self) -> str:
        """As the user knows it: Conv2d, interpolate, softmax."""
        if self.module is not None:
            return type(self.module).__name__
        target = self.node.target
        return (target if isinstance(target, str) else getattr(target, "__name__", str(target))).strip("_")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its result, in PyTorch."""
        return tuple(int(n) for n in self.node.meta["value"].shape)

    def emit(self, operation: Operation, *inputs: Any, name: str | None = None, like: str | None = None,
             shape: Sequence[int] | None = None) -> Result:
        """Add a step that reads `inputs`. name: module path it gets, or a word to stand below the module's path."""
        if name is None:
            name = self.path if self.node.op == "call_module" else ".".join(filter(None, (self.path, self.operator)))
        names = [self.result(value).name for value in inputs]
        return self.reader.add(name, operation, names, tuple(shape or self.shape), like, self.path)

    def result(self, value: Any) -> Result:
        """`value` if it is a map or vector. Raises UserError for anything that only some operators can take in."""
        if isinstance(value, Result):
            return value
        if isinstance(value, Expanded):
            return self._spread(value)
        if isinstance(value, Padded):
            raise self.fault("reads a padded map: only a convolution or a pool can follow the padding")
        if isinstance(value, Grouped | Flat):
            raise self.fault("reads a reshaped map: only a channel shuffle, or a mean over height and width, may reshape")
        raise self.fault("reads a constant where a map is expected")

    def _spread(self, value: Expanded) -> Result:
        if value.like is None or value.base.shape[2:] != (1, 1) or value.base.shape[1] != value.shape[1]:
            raise self.fault("reads an expanded map: expand a map of one cell to the size of another, x.expand(-1, -1, *y.shape[2:]); "
                             "sums and products need no expand")
        return self.emit(Simple(Spread), value.base, name=".".join(filter(None, (self.path, "spread"))), like=value.like,
                         shape=value.shape)

    def like(self, size: Any) -> str | None:
        """The map whose height and width `size` is, if the forward read them from one."""
        if not isinstance(size, list | tuple) or len(size) != 2 or not all(isinstance(n, Extent) for n in size):
            return None
        nodes = {n.of for n in size}
        value = self.reader.value(nodes.pop()) if len(nodes) == 1 else None
        return value.name if isinstance(value, Result) and len(value.shape) == 4 and value.shape[2:] == tuple(map(int, size)) else None

    def plane(self, value: Any) -> Result:
        """`value` if it is a map (N, C, H, W)."""
        result = self.result(value)
        if len(result.shape) != 4:
            raise self.fault(f"reads a tensor of shape {result.shape}: expected maps (N, C, H, W)")
        return result

    def fault(self, why: str | None = None) -> UserError:
        """The error for this operator: module path, operator, what to use instead."""
        return UserError(f"{place_of(self.path)}: {self.operator} {why or advice(self.operator)}")


Handler = Callable[..., Any]


class Reader:
    """Reads the nodes of a graph into steps, in order."""

    def __init__(self, module: nn.Module, table: Mapping[Any, Handler], inputs: Any) -> None:
        self.modules = dict(module.named_modules())
        self.table = table
        self.inputs = inputs
        self.steps: list[Step] = []
        self.cells: dict[fx.Node, Cell] = {}
        self._names: set[str] = set()

    def add(self, name: str, operation: Operation, inputs: Sequence[str], shape: tuple[int, ...], like: str | None,
            within: str) -> Result:
        """Append a step under a name that is free."""
        unique = free_name(name, self._names)
        self._names.add(unique)
        self.steps.append(Step(unique, operation, tuple(inputs), (*shape, 1, 1)[:4], like, within))
        return Result(unique, shape)

    def read(self, nodes: Sequence[fx.Node]) -> None:
        """Raises UserError for the first operator that cannot be a leaf, those first for which there is no other way of writing."""
        of_image: set[fx.Node] = set()  # what is computed from weights alone may be anything
        for node in nodes:
            if node.op == "placeholder" or not of_image.isdisjoint(node.all_input_nodes):
                of_image.add(node)
            if node in of_image and node.op != "placeholder" and is_out_of_reach(self._site(node).operator):
                raise self._site(node).fault()
        for node in nodes:
            if node.op == "placeholder":
                self.cells[node] = Cell(self.inputs)
            elif node.op == "get_attr":
                self.cells[node] = Cell(Weights(Origin((str(node.target),)), tuple(node.meta["value"].shape)))
            else:
                self.cells[node] = self._call(node)

    def is_rectified(self, name: str) -> bool:
        """Whether a result is that of a ReLU."""
        step = next((step for step in self.steps if step.name == name), None)
        return step is not None and step.operation in (Activation("relu"), Activation("relu6"))

    def value(self, node: fx.Node) -> Any:
        return self.cells[node].value

    def _site(self, node: fx.Node) -> Site:
        return Site(self, node, self.modules[str(node.target)] if node.op == "call_module" else None)

    def _handler(self, site: Site) -> Handler:
        if isinstance(site.module, Leaf):
            return kept
        key = site.node.target if site.module is None else type(site.module)
        # functions of other libraries stand in the table by their full names: importing those would take seconds
        by_name = f"{getattr(key, '__module__', '')}.{getattr(key, '__name__', '')}"
        handler = self.table.get(key) or self.table.get(by_name)
        if handler is None:
            raise site.fault()
        return handler

    def _call(self, node: fx.Node) -> Cell:
        site = self._site(node)
        args, kwargs = pytree.tree_map_only(fx.Node, self.value, (_plain(node.args), _plain(node.kwargs)))
        if site.module is None and _only_weights(args, kwargs):
            return Cell(computed_weights(node, args, kwargs))
        handler = self._handler(site)
        try:
            bound = signature(handler).bind(site, *args, **{NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()})
        except TypeError as error:
            raise site.fault(f"{error}: that has no exact integer form here; write it without") from error
        value = handler(*bound.args, **bound.kwargs)
        first = next((a for a in node.args if isinstance(a, fx.Node)), None)
        if first is None or not (is_in_place(node, site.module) or value is self.value(first)):
            return Cell(value)
        if is_in_place(node, site.module) and any(node < reader for whole in wholes(first) for reader in whole.users):
            raise site.fault("overwrites a part of a map that is read afterwards; make a new map of it, and join parts with cat")
        self.cells[first].value = value
        return self.cells[first]


NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}
"""What PyTorch takes for its own names of arguments."""


def kept(site: Site, *inputs: Any, **named: Any) -> Result:
    """A leaf that the module already uses."""
    read = signature(site.module.forward).bind(*inputs, **named).args
    return site.emit(Kept(site.path), *(value for value in read if value is not None))


def computed_weights(node: fx.Node, args: Any, kwargs: Any) -> Weights:
    """What is computed from weights alone is a weight itself: the same computation on the published tensors."""
    leaves, spec = pytree.tree_flatten((args, kwargs))
    names = tuple(name for leaf in leaves if isinstance(leaf, Weights) for name in leaf.origin.names)

    def make(*tensors: Tensor) -> Tensor:
        rest = iter(tensors)
        values = [leaf.origin.make(*(next(rest) for _ in leaf.origin.names)) if isinstance(leaf, Weights) else leaf for leaf in leaves]
        positional, named = pytree.tree_unflatten(values, spec)
        if node.op == "call_method":
            return getattr(positional[0], str(node.target))(*positional[1:], **named)
        return node.target(*positional, **named)

    value = node.meta["value"]
    return Weights(Origin(names, make), tuple(value.shape) if isinstance(value, Tensor) else ())


def _only_weights(args: Any, kwargs: Any) -> bool:
    kinds = [type(leaf) for leaf in pytree.tree_leaves((args, kwargs))]
    maps = (Result, Padded, Grouped, Flat, Expanded)
    return Weights in kinds and not any(kind in maps for kind in kinds)


def _plain(value: Any) -> Any:
    """fx's own lists and dicts as Python's, so that they can be walked."""
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else list(map(_plain, value))
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
