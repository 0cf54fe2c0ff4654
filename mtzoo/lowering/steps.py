"""What a traced module computes, as a list of steps: one step is one leaf to be.

Operators are read into steps one by one (`read`); `fuse` joins those that one leaf does; `build` makes the leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from mtzoo.lowering.published import Origin

Padding = tuple[int, int, int, int]
"""Cells added at the top, left, bottom and right."""
NO_PADDING: Padding = (0, 0, 0, 0)


@dataclass(frozen=True)
class Norm:
    """Batch normalisation with the statistics of training. scale and shift are None where it has no learnt ones."""

    channels: int
    mean: Origin
    variance: Origin
    scale: Origin | None
    shift: Origin | None
    eps: float
    momentum: float | None


@dataclass(frozen=True)
class Conv:
    """A convolution with what follows it in the same leaf: BN, a sum with a skip (the second input), an activation.

    weight: its learnt values, or a constant (C_out, C_in / groups, kh, kw); output: as of the leaf, 8 bits or the sum.
    """

    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    weight: Origin | Tensor
    bias: Origin | Tensor | None = None
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    norm: Norm | None = None
    activation: str = "none"
    output: str = "quantized"

    @property
    def is_bare(self) -> bool:
        """Whether nothing follows the sum yet, so that BN may."""
        return self.norm is None and self.activation == "none"


@dataclass(frozen=True)
class Affine:
    """x * factor + offset, both constants."""

    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Activation:
    """An elementwise function by its name: relu, relu6, or one of the table's."""

    function: str


@dataclass(frozen=True)
class Add:
    """The sum of all inputs, then an activation."""

    activation: str = "none"


@dataclass(frozen=True)
class Multiply:
    """The product of two maps."""


@dataclass(frozen=True)
class Blend:
    """x * a + y * (1 - a), of inputs x, y, a."""


@dataclass(frozen=True)
class Pool:
    """kind: "max" or "mean" of a window; options: further arguments of the leaf."""

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Simple:
    """Any leaf without learnt values that needs no second look. make: its constructor with all arguments."""

    make: Callable[[], Any]


@dataclass(frozen=True)
class Kept:
    """A leaf of mtzoo.layers that the module already is made of; it moves over as it is."""

    path: str


Operation = Norm | Conv | Affine | Activation | Add | Multiply | Blend | Pool | Simple | Kept


@dataclass(frozen=True)
class Step:
    """name: of the result, unique, and path of the leaf; inputs: names of the results it reads; shape: of the result, (N, C, H, W);
    like: a result of which it only needs the height and width; within: path of the module that computes it, for messages."""

    name: str
    operation: Operation
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    like: str | None = None
    within: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return self.inputs if self.like is None else (*self.inputs, self.like)

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return place_of(self.within)

    def renamed(self, names: Mapping[str, str]) -> "Step":
        """The same step, which reads other results."""
        like = None if self.like is None else names.get(self.like, self.like)
        return replace(self, inputs=tuple(names.get(n, n) for n in self.inputs), like=like)


def place_of(path: str) -> str:
    """A module's path as messages begin with it; that of the network itself is empty."""
    return f"module '{path}'" if path else "the network"
