"""An operator of an ONNX graph at work: what its handler in `mtzoo.foreign.operators` sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.foreign.views import Map, View

Value = View | np.ndarray


class Graph(Protocol):
    """What an operator needs of the reader that it stands in."""

    opset: int
    values: dict[str, Value]

    def view(self, source: Map) -> View:
        """The map as it is."""

    def add(self, name: str, module: nn.Module, maps: Sequence[Map]) -> Map:
        """The result of a module that reads maps."""

    def plane(self, view: View, site: "Site") -> Map:
        """The map that a view shows: the whole, or some of its channels in some order."""

    def may_take_affine(self, source: Map) -> bool:
        """Whether a factor for each channel of it is taken up by what makes it."""

    def add_affine(self, site: "Site", source: Map, scale: np.ndarray, offset: np.ndarray) -> Map:
        """source * scale + offset, (C,) each."""


@dataclass
class Site:
    """One operator at work: where it stands, what it reads, how it adds what it computes."""

    reader: Graph
    node: onnx.NodeProto
    name: str

    def fault(self, why: str) -> UserError:
        return UserError(why)

    def value(self, index: int) -> Value:
        """An input, map or constant."""
        found = self.reader.values.get(self.node.input[index]) if index < len(self.node.input) else None
        if found is None:
            raise self.fault(f"has no input {index}")
        return found

    def view(self, index: int) -> View:
        value = self.value(index)
        if not isinstance(value, View):
            raise self.fault("reads a constant where a map is expected")
        return value

    def plane(self, index: int) -> Map:
        """A map (1, C, H, W); that of a vector (1, C) has one cell."""
        return self.plane_of(self.view(index))

    def plane_of(self, view: View) -> Map:
        return self.reader.plane(view, self)

    def weights(self, index: int) -> np.ndarray:
        """A constant. Raises UserError for what is computed from the image."""
        value = self.value(index)
        if not isinstance(value, np.ndarray):
            raise self.fault("has weights or sizes that are computed from the image; use constant ones")
        return value

    def optional(self, index: int) -> np.ndarray | None:
        """The same of an input that may be left out."""
        return self.weights(index) if index < len(self.node.input) and self.node.input[index] else None

    def attribute(self, name: str, default: Any = None) -> Any:
        found = next((a for a in self.node.attribute if a.name == name), None)
        return default if found is None else helper.get_attribute_value(found)

    def number(self, name: str, default: int) -> int:
        return int(self.attribute(name, default))

    def numbers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """As many as the default has."""
        values = tuple(int(n) for n in self.attribute(name, default))
        if len(values) != len(default):
            raise self.fault(f"has {name}={list(values)}: expected {len(default)} numbers, of height and width")
        return values

    def pair(self, name: str) -> tuple[int, int]:
        """(height, width), 1 by default."""
        height, width = self.numbers(name, (1, 1))
        return height, width

    def add(self, module: nn.Module, *maps: Map) -> View:
        """The result of a module that reads maps, as a child with the operator's name."""
        return self.reader.view(self.reader.add(self.name, module, maps))


def concatenated(*maps: Tensor) -> Tensor:
    """Along channels."""
    return torch.cat(maps, 1)
