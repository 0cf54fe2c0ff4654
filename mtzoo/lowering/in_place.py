"""Operations that overwrite what they read, and so change what others read."""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from mtzoo.lowering.trace import Extent

IN_PLACE = ("iadd", "isub", "imul", "itruediv")
PARTS = ("getitem", "chunk", "split", "split_with_sizes", "narrow")
"""Operators that give a part of a map, in the map's memory."""


def is_in_place(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether the operator overwrites its first input."""
    if module is not None:
        return bool(getattr(module, "inplace", False))
    name = _name(node)
    return bool(node.kwargs.get("inplace", False)) or (name.endswith("_") and not name.endswith("__")) or name in IN_PLACE


def wholes(node: fx.Node) -> Iterator[fx.Node]:
    """The maps that a result is a part of, in their memory."""
    while node.op.startswith("call") and _name(node) in PARTS:
        node = node.args[0]
        if isinstance(node.meta["value"], Tensor):
            yield node


def needed(graph: fx.Graph, modules: Mapping[str, nn.Module], outputs: Sequence[fx.Node]) -> list[fx.Node]:
    """The nodes that `outputs` depend on, be it for a size, in order, and what overwrites one of those, or a part of it, in place."""
    wanted: set[fx.Node] = set()
    _want(outputs, wanted)
    for node in graph.nodes:
        module = modules[str(node.target)] if node.op == "call_module" else None
        first = node.args[0] if node.op.startswith("call") and node.args else None
        if isinstance(first, fx.Node) and is_in_place(node, module) and not wanted.isdisjoint([first, *wholes(first)]):
            _want([node], wanted)
    return [node for node in graph.nodes if node in wanted]


def _name(node: fx.Node) -> str:
    """Of the function or method that a node calls."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _want(nodes: Sequence[fx.Node], wanted: set[fx.Node]) -> None:
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if node not in wanted:
            wanted.add(node)
            todo += node.all_input_nodes
            todo += [size.of for size in pytree.tree_leaves((node.args, node.kwargs)) if isinstance(size, Extent)]
