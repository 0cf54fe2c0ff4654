"""An ONNX graph as an ordinary PyTorch module: one child for each operator that computes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

INPUT = "input"


class Call(NamedTuple):
    """A child at work. inputs: names of the maps it reads; its result has its own name."""

    name: str
    inputs: tuple[str, ...]


class OnnxModule(nn.Module):
    """A map (N, C, H, W) -> {name: map} of the maps that the file's outputs are made of.

    Children have the names of the file's operators. calls: in order; outputs: name -> the child that makes it.
    """

    def __init__(self, calls: Sequence[Call], children: Mapping[str, nn.Module], outputs: Mapping[str, str]) -> None:
        super().__init__()
        self.calls, self.outputs = tuple(calls), dict(outputs)
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = {INPUT: x}
        for name, inputs in self.calls:
            maps[name] = self._modules[name](*[maps[read] for read in inputs])
        return {name: maps[child] for name, child in self.outputs.items()}


class Function(nn.Module):
    """An operator without weights of its own, given as a function of PyTorch."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *maps: Tensor) -> Any:
        return self.function(*maps)
