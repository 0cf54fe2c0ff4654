"""Image and mask files, and what can happen to them: torn, flipped, spliced, with forged sizes."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mtzoo.data.images import read_image, read_mask
from tests.robustness.base import Base
from tests.robustness.fuzz import Case

HW = (60, 84)
TURNED = (2, 5, 14)  # of base_images: those that EXIF turns by 90 degrees
SIZES = (0, 1, 2, 59, 61, 255, 256, 4096, 7000, 16383, 30000, 65535, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def images(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: one damaged file of any kind, read as an image."""
    path, bases = folder / "case.bin", base_images()
    while True:
        path.write_bytes(mutated_image(bases, rng))
        yield lambda: check_array(read_image(path), (3,))


def masks(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: one damaged PNG, or a file of another kind, read as a mask."""
    path, bases = folder / "case.png", [*base_masks() * 3, *base_images()]
    while True:
        path.write_bytes(mutated_image(bases, rng))
        yield lambda: check_array(read_mask(path), ())


def check_array(array: np.ndarray, channels: tuple[int, ...]) -> None:
    assert array.dtype == np.uint8, array.dtype
    assert array.shape[2:] == channels, array.shape


def base_masks() -> list[bytes]:
    """Class ids as PNG of 1, 2, 4, 8 and 16 bits, grey and with a palette."""
    ids = np.zeros(HW, np.uint8)
    ids[20:40, 10:60] = 1
    image = Image.fromarray(ids)
    palette = Image.fromarray(ids)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    grey = [cv2.imencode(".png", array)[1].tobytes() for array in (ids, ids.astype(np.uint16))]
    saved = [(image.point(lambda v: 255 * v).convert("1"), {}), (palette, {"bits": 1}), (palette, {"bits": 4}), (palette, {})]
    return grey + [encode(picture, "PNG", options) for picture, options in saved]


def base_images() -> list[bytes]:
    """Small good files of every kind and of the odd modes."""
    rng = np.random.default_rng(0)
    pixels = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), HW[::-1], interpolation=cv2.INTER_CUBIC)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    saved = [(image, "JPEG", {}), (image, "JPEG", {"progressive": True, "subsampling": 0}), (image, "JPEG", {"exif": exif}),
             (image.convert("CMYK"), "JPEG", {}), (image, "PNG", {}), (image.convert("RGBA"), "PNG", {"exif": exif}),
             (image.quantize(7), "PNG", {}), (image.quantize(3), "PNG", {"bits": 2}), (image.convert("1"), "PNG", {}),
             (image.convert("LA"), "PNG", {}), (image, "BMP", {}), (image.quantize(9), "BMP", {}), (image, "WebP", {}),
             (image.convert("RGBA"), "WebP", {"lossless": True, "exact": True}), (image, "WebP", {"exif": exif}),
             (image, "WebP", {"save_all": True, "append_images": [image.rotate(90)]})]
    files = [encode(*options) for options in saved]
    grey = (pixels[..., 0] // 40).astype(np.uint8)
    wide = rng.integers(0, 65536, (*HW, 4), dtype=np.uint16)
    return files + [cv2.imencode(".png", array)[1].tobytes() for array in (grey, grey.astype(np.uint16), wide)]


def encode(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutated_image(bases: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of `bases` after one to three mishaps; the checksums of a PNG are made good in half of the cases."""
    data = bytearray(bases[int(rng.integers(len(bases)))])
    for _ in range(int(rng.integers(1, 4))):
        mishap = (flip_bytes, flip_head, forge_size, cut, zero_out, repeat, insert, splice)[int(rng.integers(8))]
        data = mishap(data, rng, bases) or bytearray(b"\0")
    return mend_checksums(data) if rng.random() < 0.5 else bytes(data)


def flip_bytes(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    for at in rng.integers(0, len(data), int(rng.integers(1, 30))):
        data[at] = rng.integers(256)
    return data


def flip_head(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    """Where sizes, depths and offsets are; the signature stays."""
    for at in rng.integers(min(8, len(data) - 1), min(len(data), 64), 2) if len(data) > 9 else ():
        data[at] = rng.integers(256)
    return data


def forge_size(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    """Another width and height where this file has them, whatever its kind and byte order."""
    size = [int(v) for v in rng.choice(np.array(SIZES), 2)]
    for form, old in ((">II", HW[::-1]), ("<ii", HW[::-1]), (">HH", HW), ("<HH", HW[::-1])):
        at = data.find(struct.pack(form, *old))
        if at >= 0:
            limit = 2 ** (8 * struct.calcsize(form) // 2) - 1 if form.isupper() else 2**31 - 1
            struct.pack_into(form, data, at, *(min(v, limit) for v in size))
    return data


def cut(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    return data[:int(rng.integers(len(data)))]


def zero_out(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    first, last = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    data[first:last] = bytes(last - first)
    return data


def repeat(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    first, last = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    return data[:last] + data[first:last] * int(rng.integers(1, 50)) + data[last:]


def insert(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 400))) + data[at:]


def splice(data: bytearray, rng: np.random.Generator, bases: Sequence[bytes]) -> bytearray:
    other = bases[int(rng.integers(len(bases)))]
    return data[:int(rng.integers(len(data) + 1))] + other[int(rng.integers(len(other))):]


def mend_checksums(data: bytearray) -> bytes:
    """A PNG whose chunks, as far as they can be followed, have the right checksums: damage gets past the first gate."""
    at = 8
    while data[:4] == b"\x89PNG" and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at:at + 4], "big")
        if end + 4 > len(data):
            break
        data[end:end + 4] = struct.pack(">I", zlib.crc32(data[at + 4:end]))
        at = end + 4
    return bytes(data)
