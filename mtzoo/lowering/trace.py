"""An ordinary module as a graph of PyTorch's operations, with the shape of every result.

torch.fx records what a forward calls. Here each recorded value also knows its shape (`mtzoo.lowering.meta`). So sizes are plain numbers
while the forward runs, and what it decides by sizes is decided.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError
from mtzoo.layers import Leaf
from mtzoo.lowering.advice import advice, is_out_of_reach
from mtzoo.lowering.meta import dry_copy, function_result, module_result

NO_TENSOR_VALUES = "its forward depends on the values of a tensor; write it without"


class Extent(int):
    """A size of a traced tensor: a plain int that remembers the tensor whose size it is."""

    of: fx.Node

    def __new__(cls, value: int, of: fx.Node) -> "Extent":
        extent = super().__new__(cls, value)
        extent.of = of
        return extent


class ShapedProxy(fx.Proxy):
    """A recorded value whose shape is known. `node.meta["value"]` is a meta tensor, or a tuple or other value made of them."""

    @property
    def value(self) -> Any:
        return self.node.meta["value"]

    @property
    def shape(self) -> tuple[Extent, ...]:
        return tuple(Extent(n, self.node) for n in self.value.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.value.dim()

    @property
    def ndim(self) -> int:
        return self.value.dim()

    @property
    def dtype(self) -> torch.dtype:
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        return self.value.device

    def is_contiguous(self, **_: object) -> bool:
        return True

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(operator.iadd, other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(operator.isub, other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(operator.itruediv, other)

    def _in_place(self, function: Callable[..., Any], other: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[fx.Proxy]:
        return iter([self[i] for i in range(len(self.value))])

    def __setitem__(self, index: Any, value: Any) -> None:
        raise UserError("its forward assigns to a part of a map, x[...] = y; join parts with torch.cat")

    def __bool__(self) -> bool:
        if isinstance(self.value, Tensor):
            raise UserError(NO_TENSOR_VALUES)
        return bool(self.value)


class ShapeTracer(fx.Tracer):
    """Records calls of PyTorch's own layers and of mtzoo's, and works out the shape of each result as it is recorded."""

    proxy_buffer_attributes = True

    def __init__(self, example: Any) -> None:
        super().__init__()
        self.example = example
        self.results: dict[str, fx.Node] = {}
        self._running, self._has_input = False, False

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Leaf) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> Any:
        """As fx does. Further arguments of the forward are what they are by default."""
        if node.op == "placeholder" and self._has_input:
            if not node.args:
                raise UserError(f"its forward reads a second argument, '{node.target}'; let it read one map, or one list of maps")
            return node.args[0]
        self._has_input = True
        self._shape(node)
        return ShapedProxy(node, self)

    def create_node(self, kind: str, *args: Any, **kwargs: Any) -> fx.Node:
        """As fx does; a tensor that the forward makes, or finds in an attribute, gets no proxy, and its shape here."""
        node = super().create_node(kind, *args, **kwargs)
        if kind == "get_attr":
            self._shape(node)
        return node

    def _shape(self, node: fx.Node) -> None:
        self._running = True
        try:
            node.meta["value"] = self._run(node)
        finally:
            self._running = False

    def _run(self, node: fx.Node) -> Any:
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: n.meta["value"])
        if node.op == "placeholder":
            return self.example
        if node.op == "get_attr":
            return pytree.tree_map_only(Tensor, lambda tensor: tensor.to("meta"), _attribute(self.root, node.target))
        if node.op == "call_module":
            return module_result(self.root.get_submodule(node.target), *args, **kwargs)
        return function_result(node.target, *args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self._running else super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As fx does, and keeps the result by the module's path. Raises UserError naming the innermost module that fails."""
        if self._running:
            return forward(*args, **kwargs)
        path = self.path_of_module(m)
        with blamed(f"module '{path}' ({type(m).__name__})"):
            result = super().call_module(m, forward, args, kwargs)
        for place, item in enumerate(result) if isinstance(result, list | tuple) else ():
            if isinstance(item, fx.Proxy):
                self.results[f"{path}[{place}]"] = item.node
        if isinstance(result, fx.Proxy):
            self.results[path] = result.node
        return result


class blamed:
    """Context in which any fault becomes a UserError that names `place`; the innermost one stays."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not isinstance(error, Exception) or getattr(error, "has_place", False):
            return
        why = " ".join(str(error).split())[:300]
        if isinstance(error, fx.proxy.TraceError):
            why = NO_TENSOR_VALUES
        elif not isinstance(error, UserError):
            why = f"cannot be traced: {type(error).__name__}: {why}"
        told = UserError(f"{self.place}: {why}")
        told.has_place = True  # type: ignore[attr-defined]
        raise told from error


@dataclass(frozen=True)
class Traced:
    """graph: every node has its meta["value"]; output: what forward returned, with nodes for tensors; results: module path -> its
    result, "path[0]", "path[1]" for a module that returns several; constants: name of a tensor that the graph reads and that is not in
    the module's state dict -> its value."""

    graph: fx.Graph
    output: Any
    results: Mapping[str, fx.Node]
    constants: Mapping[str, Tensor]


def trace(module: nn.Module, example: Any) -> Traced:
    """`module` in evaluation mode, run on `example`: a meta tensor (N, C, H, W), or a tuple of them for a forward that reads a list.

    Raises UserError naming the module path where the forward depends on values, or fails.
    """
    twin = dry_copy(module)
    tracer = ShapeTracer(example)
    try:
        with torch.no_grad(), blamed(f"module {type(module).__name__}"):
            graph = tracer.trace(twin)
    except UserError:
        _tell_what_is_out_of_reach(module)
        raise
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    stored, read = module.state_dict(), [str(node.target) for node in graph.nodes if node.op == "get_attr"]
    constants = {name: _attribute(twin, name) for name in read if name not in stored}
    return Traced(graph, output.args[0], tracer.results, constants)


def _tell_what_is_out_of_reach(module: nn.Module) -> None:
    """An attention network often fails to be traced for another reason than that; the attention is what to tell."""
    for path, part in module.named_modules():
        if is_out_of_reach(type(part).__name__):
            raise UserError(f"module '{path}': {type(part).__name__} {advice(type(part).__name__)}")


def _attribute(root: nn.Module, target: str) -> Any:
    value: Any = root
    for part in target.split("."):
        value = getattr(value, part)
    return value
