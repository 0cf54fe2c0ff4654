"""What an image file says of itself in its first bytes. Nothing is decoded, nothing allocated, nothing trusted."""

import struct
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """kind: "JPEG", "PNG", "BMP" or "WebP"; hw: (height, width) as stored; end: where in the file the size has been told."""

    kind: str
    hw: tuple[int, int]
    end: int


def read_header(data: bytes) -> Header | None:
    """The header of a file of one of the four kinds with a size above 0; None for all else."""
    for kind, signature, at, size in _KINDS:
        if data[at:at + len(signature)] == signature:
            try:
                width, height, end = size(data)
            except (struct.error, LookupError, ValueError):  # the data ends inside of the header
                return None
            return Header(kind, (height, width), end) if width > 0 and height > 0 else None
    return None


_PNG_HEADER = 33  # signature and the IHDR chunk


def _png(data: bytes) -> tuple[int, int, int]:
    if data[12:16] != b"IHDR" or len(data) < _PNG_HEADER:
        raise LookupError
    return *struct.unpack_from(">II", data, 16), _PNG_HEADER


def _bmp(data: bytes) -> tuple[int, int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # the header of OS/2
        return *struct.unpack_from("<HH", data, 18), 26
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height), 26  # a negative height counts from the top


def _webp(data: bytes) -> tuple[int, int, int]:
    kind = data[12:16] if data[:4] == b"RIFF" else b""
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"), 30
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 25
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF, 30  # two bits of each ask the viewer to scale
    raise LookupError


def _jpeg(data: bytes) -> tuple[int, int, int]:
    """Walk from marker to marker up to the frame header; previews inside of segments are stepped over with them."""
    at = 2
    for _ in range(_JPEG_MARKERS):
        at = data.index(b"\xff", at) + 1
        marker = data[at]
        if marker == 0xFF:  # any number of them may come before a marker
            continue
        at += 1
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height, at + 7
        if marker in _JPEG_ENDS:
            break
        if marker not in _JPEG_ALONE:
            at += struct.unpack_from(">H", data, at)[0]
    raise LookupError


_JPEG_MARKERS = 10_000  # a real header has tens; a forged one must not keep us busy
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ENDS = frozenset((0xD9, 0xDA))
_JPEG_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))  # markers without a segment

_KINDS: tuple[tuple[str, bytes, int, Callable[[bytes], tuple[int, int, int]]], ...] = (
    ("JPEG", b"\xff\xd8\xff", 0, _jpeg), ("PNG", b"\x89PNG\r\n\x1a\n", 0, _png), ("BMP", b"BM", 0, _bmp), ("WebP", b"WEBP", 8, _webp))
