"""Image and mask files -> arrays; what is wrong with a file is told in one line."""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mtzoo.data.header import MAX_SCANS, Header, count_scans, holds_exif, is_cut_off, read_header
from mtzoo.data.lookup import look_up
from mtzoo.errors import UserError
from mtzoo.files import read_whole
from mtzoo.structures import IGNORE, MAX_PIXELS

MAX_ASPECT = 100
"""How many times longer one side of an image may be than the other: what is thinner has no pixel left in a network's input."""
MAX_FILE_BYTES = 256 << 20
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
UNREAD_SUFFIXES = (".tif", ".tiff", ".gif", ".jp2", ".heic", ".heif", ".avif", ".jxl", ".ppm", ".pgm")
"""Image files of kinds that are not read."""
UPRIGHT = 1  # the EXIF orientation of an image that is shown as it is stored
UNMAPPED = 254
"""What a mask table gives for a value without a class; class ids stay below."""

Reduction = Callable[[tuple[int, int]], int]
"""(height, width) of an image -> how many times smaller it may be decoded: 1, 2, 4 or 8. The same for (width, height)."""

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_PNG_GREY, _PNG_PALETTE = 0, 3
_EXIF_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)
_HEAD_BYTES = 1 << 16
_SILENT = 0

# What is wrong with a file is told below, in one line; OpenCV would add several of its own.
# 4.13 has moved the function from `cv2` to `cv2.utils.logging`.
(cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2).setLogLevel(_SILENT)


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises UserError when it is missing, unreadable, empty or above MAX_FILE_BYTES."""
    data = read_whole(path, "image file", MAX_FILE_BYTES, "restore it or drop it from the annotations")
    if not data:
        raise UserError(f"{path}: the file is empty; restore it")
    return data


def probe(data: bytes, path: Path) -> Header:
    """The header, nothing decoded. Raises UserError for no image, one cut off, and one beyond MAX_PIXELS, MAX_SCANS or what its
    file can hold."""
    header = read_header(data)
    if header is None:
        raise UserError(f"{path}: no JPEG, PNG, BMP or WebP image, or a damaged one; restore or remove it")
    _check_pixels(header, path)
    height, width = header.hw
    if not header.fits(len(data)):
        raise UserError(f"{path}: {len(data):,} bytes cannot hold the {width}x{height} pixels that its header states; "
                        "restore or remove it")
    if is_cut_off(data, header):
        raise UserError(f"{path}: the {header.kind} is cut off ({len(data):,} bytes); restore or remove it")
    if header.kind == "JPEG" and count_scans(data) > MAX_SCANS:
        raise UserError(f"{path}: a JPEG of more than {MAX_SCANS} scans, each of which takes time; save it anew or remove it")
    return header


def _check_pixels(header: Header, path: Path) -> None:
    height, width = header.hw
    if width * height > MAX_PIXELS:
        raise UserError(f"{path}: {width}x{height} is more than {MAX_PIXELS // 10**6} million pixels; scale it down")


def _check_aspect(header: Header, path: Path) -> None:
    height, width = header.hw
    if max(header.hw) > MAX_ASPECT * min(header.hw):
        raise UserError(f"{path}: {width}x{height}: one side is more than {MAX_ASPECT} times as long as the other; crop or remove it")


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 BGR, turned upright by its EXIF orientation, as viewers and labelling tools show it.

    Grey becomes three equal channels, 16 bits the upper 8 of them, alpha is dropped. Raises UserError for every fault.
    """
    return decode_image(read_bytes(path), path)[0]


def full_size(hw: tuple[int, int]) -> int:
    """The Reduction that never makes an image smaller."""
    return 1


def decode_image(data: bytes, path: Path, reduction: Reduction = full_size) -> tuple[np.ndarray, int]:
    """The image in a file's content, see `read_image`, and how many times smaller than the original it has been decoded.

    Only a JPEG is decoded smaller, and only by what divides both its sides: then each pixel stands for a whole square of the
    original, however EXIF turns it. One that the decoder cannot give smaller is decoded in full, so no more images are bad.
    """
    header = probe(data, path)
    _check_aspect(header, path)
    factor = reduction(header.hw) if header.kind == "JPEG" else 1
    while any(side % factor for side in header.hw):
        factor //= 2
    image = _decode_color(data, header, factor)
    if image is None and factor > 1:
        factor = 1
        image = _decode_color(data, header, factor)
    if image is None:
        raise UserError(f"{path}: cannot be decoded; restore or remove it")
    return image, factor


def _decode_color(data: bytes, header: Header, factor: int) -> np.ndarray | None:
    """(H / factor, W / factor, 3), or None when it cannot be decoded or has another size than its header tells."""
    image = _decode(data, _REDUCED[factor])
    hw = (header.hw[0] // factor, header.hw[1] // factor)
    return image if image is not None and image.shape[:2] in (hw, hw[::-1]) else None


def upright_hw(path: Path) -> tuple[int, int]:
    """(height, width) that `read_image` gives, from the head of the file where it says nothing of EXIF. Raises UserError
    for no image, or one beyond MAX_PIXELS or MAX_ASPECT."""
    try:
        with open(path, "rb") as file:
            header = read_header(file.read(_HEAD_BYTES))
            may_turn = header is not None and header.kind in ("PNG", "WebP") and holds_exif(file, header.kind)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or check its permissions") from None
    if header is None:  # no image, or a JPEG that begins with a large preview
        header = probe(read_bytes(path), path)
    _check_pixels(header, path)
    _check_aspect(header, path)
    if may_turn:  # Pillow would decode the pixels, too, and whether OpenCV turns such a file depends on its version
        return read_image(path).shape[:2]
    turned = header.kind == "JPEG" and exif_orientation(path) in _QUARTER_TURNS
    return header.hw[::-1] if turned else header.hw


def _decode(data: bytes, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # most damage gives None, some of it this
        return None


def exif_orientation(path: Path) -> int:
    """1..8 as EXIF counts them, 1 (upright) where a readable image says nothing."""
    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:  # damage of the EXIF block may show in any way, and is none of the pixels'
        return UPRIGHT
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else UPRIGHT


def turn_hint(path: Path, hw: tuple[int, int], label_hw: tuple[int, int]) -> str:
    """What explains labels of `label_hw` on an image read as `hw`: made on the pixels as stored, unturned; else nothing."""
    orientation = exif_orientation(path) if hw == label_hw[::-1] else UPRIGHT
    if orientation not in _QUARTER_TURNS:
        return ""
    return f" (EXIF orientation {orientation} turns it, the labels are of the pixels as stored: take the tag out)"


def image_size_problem(path: Path, hw: tuple[int, int], annotated_hw: tuple[int, int] | None) -> str | None:
    """What to say of an image of `hw` whose annotations give another size."""
    if annotated_hw in (None, hw):
        return None
    return (f"the image is {hw[1]}x{hw[0]}, its annotations say {annotated_hw[1]}x{annotated_hw[0]}"
            f"{turn_hint(path, hw, annotated_hw)}; fix one of them")


def mask_size_problem(path: Path, hw: tuple[int, int], mask_hw: tuple[int, int], resized: bool = False) -> str | None:
    """What to say of a mask of another size than its image, the file `path` of `hw`.

    resized: whether it may have another size, of the same view.
    """
    if mask_hw == hw or resized and same_view(hw, mask_hw):
        return None
    if resized:
        mend = "their aspects differ: give the mask the view of the image"
    else:
        mend = "make them equal" + (", or set resize_masks=True in its source" if same_view(hw, mask_hw) else "")
    return f"the mask is {mask_hw[1]}x{mask_hw[0]}, its image {hw[1]}x{hw[0]}{turn_hint(path, hw, mask_hw)}; {mend}"


def same_view(hw: tuple[int, int], other_hw: tuple[int, int]) -> bool:
    """Whether one size is the other one times a factor, with sides rounded to whole pixels either way."""
    small, large = sorted((hw, other_hw))
    return abs(small[0] / large[0] - small[1] / large[1]) < 1 / large[0] + 1 / large[1]


def fit_mask(mask: np.ndarray, hw: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) in the size of its image: nearest, pixel centres aligned."""
    return mask if mask.shape == hw else cv2.resize(mask, hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def read_mask(path: Path) -> np.ndarray:
    """(H, W) uint8 raw values of a one-channel PNG; palette images give indices, not colours."""
    return decode_mask(read_bytes(path), path)


def decode_mask(data: bytes, path: Path) -> np.ndarray:
    """The mask in a file's content, see `read_mask`."""
    header = probe(data, path)
    if header.kind != "PNG":
        raise UserError(f"{path}: masks must be PNG files, other formats change the values; save it as PNG")
    depth, color = data[24], data[25]
    if color not in (_PNG_GREY, _PNG_PALETTE):
        raise UserError(f"{path}: the mask has several channels; save class ids as a one-channel or palette PNG")
    mask = _palette_indices(data) if color == _PNG_PALETTE else _decode(data, cv2.IMREAD_UNCHANGED)
    if mask is None or mask.shape != header.hw:
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
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            return np.array(image, dtype=np.uint8)
    except Exception:  # a damaged file can fail anywhere in the reader
        return None


def apply_table(mask: np.ndarray, table: np.ndarray, path: Path, source: str) -> np.ndarray:
    """Mask values -> class ids by a (256,) table; the mask itself where the table changes none of its values.

    Raises UserError naming the values that have no class.
    """
    kept = kept_ids(table.tobytes())
    signed = mask.view(np.int8)  # IGNORE is -1, then
    if kept and signed.min() >= -1 and signed.max() < kept:
        return mask
    labels = look_up(mask, table)
    if (labels == UNMAPPED).any():
        raise UserError(f"{path}: {unmapped_message(mask, table, source)}")
    return labels


@lru_cache(maxsize=64)
def kept_ids(table: bytes) -> int:
    """How many class ids from 0 on a table of 256 values leaves as they are; 0 if it does not leave IGNORE."""
    kept = next((value for value, label in enumerate(table) if label != value or label == UNMAPPED))
    return kept if table[IGNORE] == IGNORE else 0


def unmapped_message(mask: np.ndarray, table: np.ndarray, source: str) -> str:
    """Which values of `mask` have no class, how often, and what to do."""
    values, counts = np.unique(mask, return_counts=True)
    found = [f"{v} ({n} px)" for v, n in zip(values, counts) if table[v] == UNMAPPED]
    return (f"mask value {', '.join(found[:5])}{' ...' if len(found) > 5 else ''} has no class; "
            f"give it one (or {IGNORE}) in label_map of source '{source}'")
