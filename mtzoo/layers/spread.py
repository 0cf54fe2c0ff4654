"""One value for a whole map."""

from collections.abc import Sequence

from torch import Tensor

from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.writer import Value, Writer


class Spread(Homogeneous):
    """forward(x, like): (N, C, 1, 1) at every place of a map of the size of `like`, (N, C, H, W); of `like` nothing else is read.

    What a Sum or a Product reads needs no Spread.
    """

    grid_rule = "pass"
    latency_kind = "move"

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        return super().forward(x, like)

    def compute(self, x: Tensor, like: Tensor) -> Tensor:
        return x.expand(-1, -1, *like.shape[2:])

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        source, size = writer.value(reads[0]), writer.shape(reads[1])[2:]
        return source.moved(writer.builder.upsample_nearest(source.tensor, size, name))
