"""The pixels of Label Studio's brush: `rle` holds bytes in the encoding of thi.ng's rle-pack.

Its decoder for Python is part of label-studio-sdk, which brings dozens of packages that nothing here uses.
"""

import numpy as np

from mtzoo.errors import UserError

ALPHA = 3
"""The channel of the encoded RGBA picture that tells where the brush was."""


def brush_pixels(rle: object, hw: tuple[int, int], where: str) -> np.ndarray:
    """(H, W) bool. Raises UserError for bytes that are no picture of `hw`."""
    if not isinstance(rle, list) or not all(type(v) is int and 0 <= v <= 255 for v in rle):
        raise UserError(f"{where}: 'rle' is {rle!r:.40}; expected a list of bytes; export it again")
    values = _unpack(np.array(rle, np.uint8), hw[0] * hw[1] * 4)
    if values is None:
        raise UserError(f"{where}: 'rle' is no picture of {hw[1]}x{hw[0]}; export it again")
    return values.reshape(*hw, 4)[..., ALPHA] > 0


def _unpack(data: np.ndarray, count: int) -> np.ndarray | None:
    """(count,) uint8, None if `data` holds another number of them, or none of 8 bits.

    In bits: the count (32), bits of a value - 1 (5), four sizes - 1 (4 each). Then blocks: whether it is one value repeated (1), which
    of the sizes (2), the length - 1 in so many bits, and the one value or all of them.
    """
    bits = np.unpackbits(data)
    position = 0

    def read(size: int) -> int:
        nonlocal position
        position += size
        return int.from_bytes(np.packbits(np.append(np.zeros(-size % 8, np.uint8), bits[position - size:position])).tobytes(), "big")

    if bits.size < 53 or read(32) != count or read(5) != 7:
        return None
    sizes = [read(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeated, size = read(1), sizes[read(2)]
        length = read(size) + 1
        held = 1 if repeated else length
        block = np.packbits(bits[position:position + 8 * held])
        position += 8 * held
        if position > bits.size or done + length > count:
            return None
        values[done:done + length] = block
        done += length
    return values
