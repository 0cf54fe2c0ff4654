"""Max pooling."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.conv import Size
from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.windows import Windows
from mtzoo.layers.writer import Value, Writer


class MaxPool(Homogeneous):
    """(N, C, H, W) -> (N, C, H', W'): the largest of each window; padding never wins. Exact in any precision.

    kernel_size, stride, dilation: one number, or height and width; stride None: that of the kernel. padding: one number, (height,
    width), or (top, left, bottom, right). ceil_mode: as torch.nn.MaxPool2d has it. Raises ValueError for what is no pool.
    """

    grid_rule = "pass"
    latency_kind = "window"

    def __init__(self, kernel_size: Size, *, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
                 ceil_mode: bool = False) -> None:
        super().__init__()
        self.windows = Windows(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)

    def compute(self, x: Tensor) -> Tensor:
        w = self.windows
        return F.max_pool2d(w.pad(x, float("-inf")), w.kernel, w.stride, dilation=w.dilation)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        source = writer.value(reads[0])
        attributes = self.windows.attributes(writer.shape(reads[0]))
        return source.moved(writer.builder.op("MaxPool", [source.tensor], name, attributes))
