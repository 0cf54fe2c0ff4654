"""A leaf: the smallest unit that quantization, export and compression see. All it means to them stands in its class.

A new leaf is one file: a subclass of `Leaf` with the methods below. There is no list of leaves elsewhere, and no default where a guess
could be wrong: a missing rule is a UserError that names the class and its file.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.layers.writer import Value, Writer
from mtzoo.ops.grid import Grid

GridRule = Literal["image", "own", "pass", "join"]
"""Where the grid of a result comes from: it is the image's; the leaf rounds to one of its own; it is that of the first input, whose
integers only move; it is that of all inputs if they share one, else the leaf rounds."""
T = TypeVar("T")
L = TypeVar("L", bound="Leaf")  # typing.Self needs Python 3.11


class Leaf(nn.Module):
    """(N, C, H, W) tensors -> one tensor. Its arithmetic is `compute`; a leaf with a grid of its own rounds what that gives.

    act_quant: quantizer of the result, of leaves that round in a prepared network; sources: quantizers of what it reads, first to
    last, in a prepared network (None: left in float). Both are filled in by `mtzoo.quantization.prepare`.
    """

    grid_rule: ClassVar[GridRule]
    latency_kind: ClassVar[str]
    """One of `mtzoo.compression.hardware_profile.LEAF_KINDS`; convolutions have kinds of their own."""
    fixed_exponent: int | None = None
    """Of a result whose scale is known beforehand and never observed."""
    ceiling: float | None = None
    """The largest value of the result, a multiple of all scales it can have; None: what fits into 8 bits."""

    arguments: Mapping[str, Any]
    """What it was constructed with, by name."""

    def __new__(cls: type[L], *args: Any, **kwargs: Any) -> L:
        leaf = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind_partial(None, *args, **kwargs).arguments
        leaf.__dict__["arguments"] = {name: value for name, value in bound.items() if name != "self"}
        return leaf

    def __init__(self) -> None:
        super().__init__()
        self.act_quant: nn.Module | None = None
        self.sources: tuple[object, ...] = ()

    def forward(self, *xs: Tensor) -> Tensor:
        """`compute`, rounded where the leaf has a quantizer."""
        y = self.compute(*xs)
        return y if self.act_quant is None else self.act_quant(y)

    def compute(self, *xs: Tensor) -> Tensor:
        """The float result before rounding, in memory of its own where the leaf rounds: quantizers overwrite it.

        On inputs that lie on their grids it has to be exact in float32: dyadic factors, sums within `largest`.
        """
        self._missing("compute")

    def strip(self) -> None:
        """Take all quantizers out."""
        self.act_quant = None
        self.sources = ()

    def signed(self, inputs: Sequence[bool]) -> bool:
        """Whether the result may be below 0, of a leaf that rounds. inputs: the same of what it reads."""
        self._missing("signed")

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        """The largest |sum| in steps of the finest grid that its arithmetic uses, of a leaf that rounds: at most 2^24 is exact.

        shapes: (N, C, H, W) of the inputs.
        """
        self._missing("largest")

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        """Integers of the inputs' grids -> integers of the output's: `compute` in float64, which holds them all, and one rounding."""
        if self.grid_rule == "pass":
            return self.compute(xs[0].double(), *xs[1:]).to(xs[0].dtype)
        return output.rounded(self.compute(*(x.double() * grid.scale.to(x.device) for x, grid in zip(xs, inputs, strict=True))))

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """Append the leaf's operators; `name` names its result, `reads` those of its inputs."""
        self._missing("emit")

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        """Where each channel of the result comes from. inputs: the same of what it reads; fixed: stands for channels that stay."""
        self._missing("channels")

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        """Channels that can only go together, and with `fixed` those that cannot go at all; arguments as in `channels`."""
        self._missing("ties")

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        """Pairs of channels that need one positive factor, so that the result has the factors of its channels and is the same
        otherwise; with `fixed` those that can have none: of a leaf that does not say more, all. Arguments as in `channels`."""
        return ((channel, fixed) for channels in inputs for channel in channels)

    def _missing(self, rule: str) -> NoReturn:
        cls = type(self)
        raise UserError(f"{cls.__name__} has no rule '{rule}'; add the method to its class in {cls.__module__.replace('.', '/')}.py")


class Channelwise(Leaf):
    """A leaf whose result has the channels of its first input, each made of that one alone."""

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(inputs[0])

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()


class Homogeneous(Channelwise):
    """One that gives s y for s x, whatever the positive factor s of a channel is."""

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()
