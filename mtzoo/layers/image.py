"""The input of the network: from the uint8 pixels of an image to what convolutions read."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mtzoo.layers.leaf import Leaf, T
from mtzoo.layers.writer import FLOAT, Value, Writer
from mtzoo.ops.grid import Grid

ZERO, CHANNELS = 128, 3


class ImageQuant(Leaf):
    """(N, 3, H, W) normalised image, already on the grid (uint8 - 128) * 2^-7."""

    grid_rule = "image"
    latency_kind = "image"
    exponent = -7

    def compute(self, image: Tensor) -> Tensor:
        return image

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        """uint8 -> int8."""
        return (xs[0].to(torch.int16) - ZERO).to(torch.int8)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, image, scale = writer.builder, writer.value(reads[0]).tensor, 2.0**self.exponent
        if writer.quantized:  # one operator subtracts 128 and scales: the integers go straight into the first convolution
            return Value(image, b.float(scale), b.constant(np.uint8(ZERO)), (scale, -ZERO), ZERO)
        x = b.op("Cast", [image], attributes={"to": FLOAT})
        return Value(b.op("Mul", [b.op("Sub", [x, b.float(ZERO)]), b.float(scale)]))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return [fixed] * CHANNELS

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()


IMAGE_GRID = Grid(torch.tensor(ImageQuant.exponent, dtype=torch.int32), -ZERO, 255 - ZERO)


def normalize_image(image: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> float32 (x - 128) / 128, exact."""
    return (image.to(torch.float32) - 128.0) / 128.0
