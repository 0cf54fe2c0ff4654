"""Nearest enlargement."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.writer import Value, Writer


class UpsampleNearest(Homogeneous):
    """(N, C, H, W) -> (N, C, factor H, factor W): exact in any precision. Raises ValueError for a factor below 1."""

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        if factor < 1:
            raise ValueError(f"factor={factor}: expected a whole number of 1 or more")
        self.factor = factor

    def compute(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=float(self.factor), mode="nearest")

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        source = writer.value(reads[0])
        return source.moved(writer.builder.upsample_nearest(source.tensor, self.factor, name))
