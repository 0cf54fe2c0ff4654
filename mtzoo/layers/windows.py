"""Where the windows of a pool lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.conv import Size, pair, sides


@dataclass(frozen=True)
class Axis:
    """Windows along one side of a map. size: of the map; before, after: padding; step: the stride; reach: cells from a window's first
    to behind its last."""

    size: int
    before: int
    after: int
    step: int
    reach: int
    ceil_mode: bool

    @property
    def count(self) -> int:
        """How many windows. With ceil_mode one more where cells would be left over, if it begins before the padding behind the map."""
        room = self.size + self.before + self.after - self.reach
        more = self.ceil_mode and room % self.step > 0 and (room // self.step + 1) * self.step < self.size + self.before
        return room // self.step + 1 + more

    @property
    def behind(self) -> int:
        """Padding behind the map that the last window needs, at least `after`."""
        return max(self.after, (self.count - 1) * self.step + self.reach - self.size - self.before)

    def cells(self, *, padded: bool) -> Tensor:
        """(count,) int64 cells of each window, with the padding asked for or without, never with what ceil_mode adds."""
        start = torch.arange(self.count, device="cpu") * self.step  # numbers, also while a network is built without any
        first, last = (0, self.size + self.before + self.after) if padded else (self.before, self.before + self.size)
        return (start + self.reach).clamp(max=last) - start.clamp(min=first)


class Windows:
    """The windows of a pool, as PyTorch lays them.

    kernel_size, stride, dilation: one number, or height and width; stride None: that of the kernel. padding: one number, (height,
    width), or (top, left, bottom, right). Raises ValueError for what is no pool.
    """

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size = 1, *, ceil_mode: bool = False) -> None:
        self.kernel, self.dilation, self.pads = pair(kernel_size), pair(dilation), sides(padding)
        self.stride = self.kernel if stride is None else pair(stride)
        self.ceil_mode = ceil_mode
        if min(*self.kernel, *self.stride, *self.dilation) < 1:
            raise ValueError(f"a pool of {self.kernel}, stride {self.stride}, dilation {self.dilation}: all must be 1 or more")
        if any(pad >= kernel for pad, kernel in zip(self.pads, self.kernel * 2)):
            raise ValueError(f"padding={padding} of a pool of {self.kernel}: it must be smaller than the kernel")
        if ceil_mode and max(self.dilation) > 1:  # its padding behind the map may be wider than the kernel
            raise ValueError(f"a pool with ceil_mode and dilation={dilation}: runtimes cannot have both")

    def axes(self, height: int, width: int) -> tuple[Axis, Axis]:
        """Raises ValueError for a map that is smaller than a window."""
        top, left, bottom, right = self.pads
        reach = [dilation * (kernel - 1) + 1 for dilation, kernel in zip(self.dilation, self.kernel)]
        axes = (Axis(height, top, bottom, self.stride[0], reach[0], self.ceil_mode),
                Axis(width, left, right, self.stride[1], reach[1], self.ceil_mode))
        if min(axis.size + axis.before + axis.after - axis.reach for axis in axes) < 0:
            raise ValueError(f"a pool whose windows are {reach[0]} x {reach[1]} cells reads a map of {height} x {width}")
        return axes

    def padding(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) with which a pool without ceil_mode has the same windows."""
        rows, columns = self.axes(height, width)
        return rows.before, columns.before, rows.behind, columns.behind

    def pad(self, x: Tensor, value: float) -> Tensor:
        """x (N, C, H, W) with all that its windows need around it."""
        top, left, bottom, right = self.padding(*x.shape[2:])
        return F.pad(x, (left, right, top, bottom), value=value) if max(top, left, bottom, right) else x

    def attributes(self, shape: Sequence[int]) -> dict[str, Sequence[int]]:
        """Of an ONNX operator that reads a map (N, C, H, W)."""
        return {"kernel_shape": self.kernel, "strides": self.stride, "pads": self.padding(*shape[2:]), "dilations": self.dilation}
