"""Tables of 256 bytes applied to whole images."""

import cv2
import numpy as np

_WORTH = 1 << 18  # bytes from which on the larger table pays


def look_up(values: np.ndarray, table: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """table[values] of uint8 values of any shape and a (256,) uint8 table: what cv2.LUT gives, in half the time.

    Two neighbours are looked up at once, in a table of all pairs, where OpenCV knows tables of 16 bit. out: where the result goes,
    may be `values`.
    """
    if not _KNOWS_PAIRS or values.size < _WORTH or values.size % 2 or not values.flags.c_contiguous:
        return cv2.LUT(values, table, dst=out)
    pairs = values.reshape(1, -1).view(np.uint16)
    found = cv2.LUT(pairs, pair_table(table), dst=None if out is None else out.reshape(1, -1).view(np.uint16))
    return found.view(np.uint8).reshape(values.shape)


def pair_table(table: np.ndarray) -> np.ndarray:
    """(256,) uint8 -> (1, 65536) uint16: each byte of the index looked up for itself."""
    wide = table.astype(np.uint16)
    return (wide[:, None] << 8 | wide).reshape(1, -1)


def _knows_pairs() -> bool:
    try:
        return cv2.LUT(np.full((1, 2), 513, np.uint16), np.arange(65536, dtype=np.uint16)[None]).tolist() == [[513, 513]]
    except cv2.error:
        return False


_KNOWS_PAIRS = _knows_pairs()
