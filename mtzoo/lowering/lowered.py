"""A network of leaves, as it came from an ordinary module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError
from mtzoo.lowering.published import Origin, check_state, matched, take_values


class Run(NamedTuple):
    """One leaf at work. path: of the leaf, and the name of its result; inputs: names of the results it reads."""

    path: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """Where a result stands in what forward returns."""

    name: str


RESERVED = {*dir(nn.Module()), "runs", "inputs", "reads_list", "result", "origins", "shapes", "constants", "published", "outputs",
            "load_published", "place", "drop_block", "out_specs", "original", "needs_stride"}
"""Attributes of a lowered network: no module of it can have such a name."""


@dataclass(frozen=True)
class Parts:
    """What a lowered network is made of.

    leaves: by path; runs: in order; inputs: names of what forward reads, one map (N, C, H, W), or a list of maps; result: what forward
    returns, a structure of lists and dicts with an `Output` where a map stands; origins: own parameter or buffer -> where its values
    come from; shapes: of all tensors of the original's state dict, in its order; constants: tensors that are not in it, by name.
    """

    leaves: Mapping[str, nn.Module]
    runs: Sequence[Run]
    inputs: Sequence[str]
    reads_list: bool
    result: Any
    origins: Mapping[str, Origin]
    shapes: Mapping[str, torch.Size]
    constants: Mapping[str, Tensor]


class Lowered(nn.Module):
    """Leaves at the module paths of the original, run in order."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.runs = list(parts.runs)
        self.inputs, self.reads_list, self.result = tuple(parts.inputs), parts.reads_list, parts.result
        self.origins, self.shapes, self.constants = dict(parts.origins), dict(parts.shapes), dict(parts.constants)
        for path, leaf in parts.leaves.items():
            self.place(path, leaf)

    def place(self, path: str, leaf: nn.Module) -> None:
        """Put a leaf at a path, in place of the one that stands there."""
        *above, name = path.split(".")
        parent: nn.Module = self
        for part in above:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = parent.get_submodule(part)
        parent.add_module(name, leaf)

    @property
    def published(self) -> dict[str, str]:
        """Own parameter or buffer -> its name in the original's state dict."""
        return {own: origin.name for own, origin in self.origins.items()}

    def forward(self, x: Any) -> Any:
        """x: a map (N, C, H, W), or a list of them -> what the original's forward returns, or the list of its features."""
        maps = dict(zip(self.inputs, list(x) if self.reads_list else [x], strict=True))
        last = {name: run.path for run in self.runs for name in run.inputs}
        kept = {output.name for output in self.outputs}
        for path, inputs in self.runs:
            maps[path] = self.get_submodule(path)(*[maps[name] for name in inputs])
            for name in set(inputs) - kept:
                if last[name] == path:  # nobody reads it any more: its memory is free
                    del maps[name]
        return pytree.tree_map_only(Output, lambda output: maps[output.name], self.result)

    @property
    def outputs(self) -> list[Output]:
        """The results that forward returns, in order."""
        leaves = pytree.tree_leaves(self.result)
        return [leaf for leaf in leaves if isinstance(leaf, Output)]

    def load_published(self, state: Mapping[str, Tensor], source: str = "the state dict") -> None:
        """Take the values of a published state dict, whose further tensors (a classifier's) are left alone.

        Where names differ, tensors are matched by order if all shapes agree in order. source: the file, for messages. Raises UserError
        naming what is missing or has another shape; nothing is changed then.
        """
        needed = {name: self.shapes[name] for origin in self.origins.values() for name in origin.names
                  if name not in self.constants and not name.endswith("num_batches_tracked")}
        state = matched(state, self.shapes, set(needed))
        check_state(state, needed, source)
        take_values(dict(self.named_parameters()) | dict(self.named_buffers()), self.origins, {**state, **self.constants})

    def drop_block(self, path: str) -> None:
        """Leave out the residual block at module path `path`: what reads its result reads its input instead.

        Raises UserError if the block has several inputs or results.
        """
        inside = [run for run in self.runs if run.path == path or run.path.startswith(f"{path}.")]
        names = {run.path for run in inside}
        rest = [run for run in self.runs if run.path not in names]
        read = {name for run in inside for name in run.inputs} - names
        given = names & {name for run in rest for name in run.inputs} | names & {output.name for output in self.outputs}
        if len(read) != 1 or len(given) != 1:
            raise UserError(f"block '{path}': {len(read)} inputs and {len(given)} results; expected one of each to leave it out")
        replaced, by = given.pop(), read.pop()
        self.runs = [Run(run.path, tuple(by if name == replaced else name for name in run.inputs)) for run in rest]
        self.result = pytree.tree_map_only(Output, lambda output: Output(by) if output.name == replaced else output, self.result)
        parent, _, name = path.rpartition(".")
        delattr(self.get_submodule(parent), name)
        self.origins = {own: origin for own, origin in self.origins.items() if not own.startswith(f"{path}.")}
