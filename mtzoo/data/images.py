"""Image and mask files -> arrays, with the faults of section "bad input" told in one line each."""

import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

# Pillow warns from 89 million pixels on; the limit below is an error, and its own filter would not be thread-safe.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

MAX_PIXELS = 100_000_000  # a decoder happily allocates what a forged header asks for
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
UNMAPPED = 254
"""What a mask table gives for a value without a class; class ids stay below."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_GREY, _PNG_PALETTE = 0, 3
_JPEG_END = b"\xff\xd9"
_EXIF_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises UserError when it is missing, unreadable or empty."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; restore it or drop it from the annotations") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if not data:
        raise UserError(f"{path}: the file is empty; restore it")
    return data


def header_hw(data: bytes, path: Path) -> tuple[int, int]:
    """(height, width) as the header says, nothing decoded. Raises UserError beyond MAX_PIXELS or for no image at all."""
    return _header_hw(BytesIO(data), path)


def upright_hw(path: Path) -> tuple[int, int]:
    """(height, width) that `read_image` would give, read from the file's header alone. Raises UserError as that does."""
    try:
        with open(path, "rb") as file:
            height, width = _header_hw(file, path)
            file.seek(0)
            return (width, height) if _is_turned(file) else (height, width)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or check its permissions") from None


def _is_turned(file: BinaryIO) -> bool:
    """Whether a JPEG's EXIF orientation turns the image by 90 degrees. PNGs are not asked: Pillow would decode them first."""
    with Image.open(file) as image:
        try:
            return image.format == "JPEG" and image.getexif().get(_EXIF_ORIENTATION, 1) in _TURNED
        except (ValueError, SyntaxError, struct.error):
            return False  # a damaged EXIF block; OpenCV ignores it, too


def _header_hw(file: BinaryIO, path: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise UserError(f"{path}: its header asks for more than {MAX_PIXELS // 10**6} million pixels; scale it down") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise UserError(f"{path}: not an image, or a damaged one; restore or remove it") from None
    if width * height > MAX_PIXELS:
        raise UserError(f"{path}: {width}x{height} is more than {MAX_PIXELS // 10**6} million pixels; scale it down")
    return height, width


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 BGR, turned upright by its EXIF orientation, as viewers show it."""
    data = read_bytes(path)
    header_hw(data, path)
    if data[:2] == b"\xff\xd8" and data.rfind(_JPEG_END) < 0:
        raise UserError(f"{path}: the JPEG is cut off ({len(data)} bytes); restore or remove it")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path}: cannot be decoded; restore or remove it")
    return image


def read_mask(path: Path) -> np.ndarray:
    """(H, W) uint8 raw values of a one-channel PNG; palette images give indices, not colours."""
    data = read_bytes(path)
    header_hw(data, path)
    if data[:8] != _PNG_SIGNATURE:
        raise UserError(f"{path}: masks have to be PNG files, other formats change the values; save it as PNG")
    depth, color = data[24], data[25]
    if color not in (_PNG_GREY, _PNG_PALETTE):
        raise UserError(f"{path}: the mask has several channels; save class ids as a one-channel or palette PNG")
    mask = _palette_indices(data) if color == _PNG_PALETTE else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None or mask.ndim != 2:
        raise UserError(f"{path}: cannot be decoded; restore or remove it")
    if color == _PNG_GREY and depth < 8:
        return mask // (255 // (2**depth - 1))  # decoders stretch 1, 2 and 4 bits to the full range
    if mask.dtype != np.uint8:
        if mask.max() > 255:
            raise UserError(f"{path}: mask value {mask.max()} is outside 0..255; save class ids as 8 bit")
        mask = mask.astype(np.uint8)
    return mask


def _palette_indices(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(BytesIO(data)) as image:
            return np.array(image, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError):
        return None


def apply_table(mask: np.ndarray, table: np.ndarray, path: Path, source: str) -> np.ndarray:
    """Mask values -> class ids by a (256,) table. Raises UserError naming the values that have no class."""
    labels = cv2.LUT(mask, table)
    if (labels == UNMAPPED).any():
        raise UserError(f"{path}: {unmapped_message(mask, table, source)}")
    return labels


def unmapped_message(mask: np.ndarray, table: np.ndarray, source: str) -> str:
    """Which values of `mask` have no class, how often, and what to do."""
    values, counts = np.unique(mask, return_counts=True)
    found = [f"{v} ({n} px)" for v, n in zip(values, counts) if table[v] == UNMAPPED]
    return (f"mask value {', '.join(found[:5])}{' ...' if len(found) > 5 else ''} has no class; "
            f"give it one (or {IGNORE}) in label_map of source '{source}'")
