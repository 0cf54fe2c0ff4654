"""Where the learnt values of a lowered network come from: the names and shapes of the module it was lowered from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtzoo.errors import UserError, listed


def same(value: Tensor) -> Tensor:
    """The published tensor as it is."""
    return value


@dataclass(frozen=True)
class Origin:
    """One tensor of a lowered network. names: the published tensors it is made of, the first being its own; make: how; rows: those of
    its own that it takes, None for all."""

    names: tuple[str, ...]
    make: Callable[..., Tensor] = same
    rows: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        return self.names[0]

    def then(self, step: Callable[[Tensor], Tensor]) -> "Origin":
        """This tensor, and then `step`."""
        return replace(self, make=step if self.make is same else lambda *tensors: step(self.make(*tensors)))

    def part(self, start: int, stop: int) -> "Origin":
        """Rows start ... stop - 1 of this tensor."""
        return replace(self.then(lambda value: value[start:stop]), rows=(start, stop))

    def shares(self, other: "Origin") -> bool:
        """Whether both take values of the same published tensor."""
        if self.name != other.name:
            return False
        return self.rows is None or other.rows is None or max(self.rows[0], other.rows[0]) < min(self.rows[1], other.rows[1])

    def less(self, other: "Origin") -> "Origin":
        """This tensor minus another, computed in float64."""
        count = len(self.names)

        def make(*tensors: Tensor) -> Tensor:
            mine, its = self.make(*tensors[:count]), other.make(*tensors[count:])
            return (mine.double() - its.double()).to(mine.dtype)

        return Origin((*self.names, *other.names), make, self.rows)

    def of(self, state: Mapping[str, Tensor]) -> Tensor:
        """The tensor, from a published state dict."""
        return self.make(*(state[name] for name in self.names))


def as_convolution(weight: Tensor) -> Tensor:
    """Linear layer (O, I) -> 1x1 convolution (O, I, 1, 1)."""
    return weight[:, :, None, None]


def as_forward_convolution(groups: int) -> Callable[[Tensor], Tensor]:
    """Transposed convolution (I, O / groups, kh, kw) -> the convolution of the spread map, (O, I / groups, kh, kw)."""
    def turned(weight: Tensor) -> Tensor:
        i, o, h, w = weight.shape
        parts = weight.flip(2, 3).reshape(groups, i // groups, o, h, w)
        return parts.transpose(1, 2).reshape(groups * o, i // groups, h, w)
    return turned


def check_state(state: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], source: str) -> None:
    """Raises UserError naming what is missing, or what has another shape. source: the file, for the message."""
    missing = [name for name in wanted if name not in state]
    if missing:
        raise UserError(f"{source}: {len(missing)} of {len(wanted)} tensors are missing: {listed(missing)}; "
                        "use the state dict of the same architecture")
    for name, shape in wanted.items():
        if state[name].shape != shape:
            raise UserError(f"{source}: {name} has shape {tuple(state[name].shape)}, the network has {tuple(shape)}; "
                            "use the state dict of the same architecture")


def matched(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], needed: set[str]) -> Mapping[str, Tensor]:
    """`state` under the names of `shapes`: by name, or, where names differ, by order if every shape agrees in order.

    shapes: of the whole module, in the order of its state dict; counters of batches are left out of the comparison.
    """
    if needed <= set(state):
        return state
    names = [name for name in shapes if not name.endswith("num_batches_tracked")]
    tensors = [value for name, value in state.items() if not name.endswith("num_batches_tracked")]
    in_order = all(value.shape == shapes[name] for name, value in zip(names, tensors, strict=False))
    if not in_order or not needed <= set(names[:len(tensors)]):
        return state
    return dict(zip(names, tensors, strict=False))


@torch.no_grad()
def take_values(tensors: Mapping[str, Tensor], origins: Mapping[str, Origin], state: Mapping[str, Tensor]) -> None:
    """Copy into each tensor what its origin makes of a published state dict."""
    for name, origin in origins.items():
        if all(published in state for published in origin.names):  # old files have no num_batches_tracked
            tensors[name].copy_(origin.of(state))
