"""Average pooling."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.conv import Size
from mtzoo.layers.means import Mean, times
from mtzoo.layers.windows import Windows
from mtzoo.layers.writer import Writer


class AvgPool(Mean):
    """(N, C, H, W) -> (N, C, H', W'): the mean of each window, as torch.nn.AvgPool2d has it.

    kernel_size, stride: one number, or height and width; stride None: that of the kernel. padding: one number, (height, width), or
    (top, left, bottom, right); count_include_pad: whether it counts as zeros. Raises ValueError for what is no pool.
    """

    def __init__(self, kernel_size: Size, *, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__()
        self.windows, self.count_include_pad = Windows(kernel_size, stride, padding, ceil_mode=ceil_mode), count_include_pad

    def sums(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.windows.pad(x, 0.0), self.windows.kernel, self.windows.stride, divisor_override=1)

    def cells(self, shape: Sequence[int]) -> Tensor:
        """One number where all windows have as many."""
        rows, columns = (axis.cells(padded=self.count_include_pad) for axis in self.windows.axes(*shape[2:]))
        cells = rows[:, None] * columns
        return cells[:1, :1] if bool((cells == cells[0, 0]).all()) else cells

    def emit_sums(self, writer: Writer, read: str, factors: np.ndarray) -> str:
        """A depthwise convolution of ones in 8 bits, whose scale is the factor if there is one for all windows.

        Float weights would not do: ONNX Runtime turns them into integers of up to 127 where the convolution is rounded.
        """
        b, shape, uniform = writer.builder, writer.shape(read), factors.size == 1
        ones = b.constant(np.ones((shape[1], 1, *self.windows.kernel), np.int8))
        scale = b.constant(np.full(shape[1], factors.flat[0] if uniform else 1, np.float32))
        weight = b.op("DequantizeLinear", [ones, scale], attributes={"axis": 0})
        y = b.op("Conv", [writer.as_float(read), weight], attributes={**self.windows.attributes(shape), "group": shape[1]})
        return y if uniform else times(writer, y, factors)
