"""Pictures that somebody drew, masks say, told from photos by their colours."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mtzoo.data.images import decode_image, read_bytes
from mtzoo.errors import UserError

MOST_COLOURS = 64
"""Of a mask; a photo has thousands, a grey one that is not all dark some 200."""
ENOUGH_PIXELS = 1 << 16


def are_drawn(paths: Iterable[Path]) -> bool:
    """Whether each of the images, as far as they can be read, holds a few colours; False for none. The first photo settles it."""
    seen = False
    for path in paths:
        try:
            image = decode_image(read_bytes(path), path)[0]
        except UserError:  # it is told when it is converted
            continue
        if _count_colours(image) > MOST_COLOURS:
            return False
        seen = True
    return seen


def _count_colours(image: np.ndarray) -> int:
    """Of (H, W, 3) uint8; of a large image, those of a grid of its pixels."""
    step = max(math.isqrt(image.shape[0] * image.shape[1] // ENOUGH_PIXELS), 1)
    pixels = image[::step, ::step].reshape(-1, 3).astype(np.uint32)
    return len(np.unique(pixels @ np.array([1 << 16, 1 << 8, 1], np.uint32)))
