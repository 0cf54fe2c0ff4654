"""A network that is described by its leaves: of a deploy model whose original is no node of the zoo."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mtzoo import layers
from mtzoo.errors import UserError, shown
from mtzoo.layers import Leaf
from mtzoo.lowering import Lowered
from mtzoo.lowering.lowered import RESERVED, Output, Parts, Run
from mtzoo.registry import NODES, check_params
from mtzoo.structures import FeatureSpec

INPUT = "input"
MOST_LEAVES, MOST_NUMBERS, LARGEST_NUMBER = 4096, 16384, 1 << 24
KINDS = {name: kind for name in layers.__all__ if isinstance(kind := getattr(layers, name), type) and issubclass(kind, Leaf)
         and kind is not Leaf and name != "ImageQuant"}
"""The leaves that a description may name."""
VALUES = "weight"
"""An argument that holds values, not structure: a file stores those by themselves."""


@NODES.register_module()
class LeafGraph(Lowered):
    """Image (N, 3, H, W) -> {output: map}.

    leaves: path -> {"leaf": its class, "reads": paths of what it reads, "input" for the image, "at": its place in the order, and the
    arguments of its constructor}; outputs: name -> path. Raises UserError for what describes no network.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], leaves: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, str]) -> None:
        if not isinstance(leaves, Mapping) or not isinstance(outputs, Mapping) or not 0 < len(leaves) <= MOST_LEAVES or not outputs:
            raise UserError(f"leaves and outputs: expected mappings, of 1 to {MOST_LEAVES:,} leaves")
        order = sorted(leaves, key=lambda path: _place(leaves[path], path))
        known, runs = {INPUT}, []
        for path in order:
            reads = leaves[path].get("reads")
            if not isinstance(reads, list | tuple) or not reads or not all(isinstance(r, str) and r in known for r in reads):
                raise UserError(f"leaf {shown(path)} reads {shown(reads)}; expected paths of earlier leaves, or '{INPUT}'")
            runs.append(Run(path, tuple(reads)))
            known.add(path)
        _check_paths(order)
        if strange := [path for path in outputs.values() if path not in known - {INPUT}]:
            raise UserError(f"outputs: no leaf {shown(strange[0])}")
        made = {path: _leaf(path, leaves[path]) for path in order}
        result = {name: Output(path) for name, path in outputs.items()}
        super().__init__(Parts(made, runs, [INPUT], False, result, {}, {}, {}))


def describe_leaves(lowered: Lowered) -> dict[str, dict[str, Any]]:
    """The `leaves` of a LeafGraph with the structure of `lowered`."""
    image = lowered.inputs[0]
    found = {}
    for place, run in enumerate(lowered.runs):
        leaf = lowered.get_submodule(run.path)
        reads = [INPUT if name == image else name for name in run.inputs]
        arguments = {name: _plain(value) for name, value in leaf.arguments.items() if name != VALUES}
        found[run.path] = {"leaf": type(leaf).__name__, "at": place, "reads": reads, **arguments}
    return found


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _place(described: Any, path: str) -> int:
    at = described.get("at") if isinstance(described, Mapping) else None
    if not isinstance(at, int) or isinstance(at, bool):
        raise UserError(f"leaf {shown(path)}: expected a mapping with 'at', a whole number")
    return at


def _check_paths(paths: Sequence[str]) -> None:
    """Raises UserError for a path that is no module's, or lies below a leaf."""
    leaves = set(paths)
    for path in paths:
        parts = path.split(".")
        above = {".".join(parts[:count]) for count in range(1, len(parts))}
        if not all(parts) or len(parts) > 64 or not RESERVED.isdisjoint(parts) or not above.isdisjoint(leaves):
            raise UserError(f"leaf {shown(path)}: no path that a leaf can have")


def _leaf(path: str, described: Mapping[str, Any]) -> nn.Module:
    kind = KINDS.get(described.get("leaf")) if isinstance(described.get("leaf"), str) else None
    if kind is None:
        raise UserError(f"leaf {shown(path)}: no leaf is called {shown(described.get('leaf'))}")
    arguments = {name: value for name, value in described.items() if name not in ("leaf", "at", "reads")}
    check_params(kind, arguments, f"leaf {shown(path)}")
    for name, value in arguments.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        wild = any(isinstance(n, list | tuple | dict) or isinstance(n, int | float) and abs(n) > LARGEST_NUMBER for n in numbers)
        if name == VALUES or len(numbers) > MOST_NUMBERS or wild:
            raise UserError(f"leaf {shown(path)}.{name}={shown(value)}: expected plain numbers up to {LARGEST_NUMBER:,}")
    try:
        return kind(**arguments)
    except (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError) as error:
        raise UserError(f"leaf {shown(path)}: {' '.join(str(error).split())[:200]}") from error
