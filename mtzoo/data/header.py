"""What an image file says of itself in its first bytes. Nothing is decoded, nothing allocated, nothing trusted."""

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_CUR
from typing import BinaryIO


@dataclass(frozen=True)
class Header:
    """kind: "JPEG", "PNG", "BMP" or "WebP"; hw: (height, width) as stored; end: where in the file the size has been told.

    pixels_per_byte: more than this no byte of such a file can hold, however even the picture; infinite where that is not known.
    """

    kind: str
    hw: tuple[int, int]
    end: int
    pixels_per_byte: float = math.inf

    def fits(self, length: int) -> bool:
        """Whether a file of `length` bytes can hold so many pixels."""
        return self.hw[0] * self.hw[1] <= self.pixels_per_byte * length


def read_header(data: bytes) -> Header | None:
    """The header of a file of one of the four kinds with a size above 0; None for all else."""
    for kind, signature, at, size in _KINDS:
        if data[at:at + len(signature)] == signature:
            try:
                width, height, end, per_byte = size(data)
            except (struct.error, LookupError, ValueError):  # the data ends inside of the header
                return None
            return Header(kind, (height, width), end, per_byte) if width > 0 and height > 0 else None
    return None


Found = tuple[int, int, int, float]
"""Width, height, end of the header, most pixels a byte."""

def is_cut_off(data: bytes, header: Header) -> bool:
    """Whether a JPEG lacks its end, or a PNG has a part that reaches beyond it; the other kinds' decoders tell by themselves.

    For a part of a PNG some decoders allocate what its length says before they look for it.
    """
    if header.kind == "JPEG":
        return data.rfind(_JPEG_END) < header.end  # one that comes earlier ends a preview
    return header.kind == "PNG" and not _png_is_whole(data)


def count_scans(data: bytes) -> int:
    """How many times a JPEG's file goes over its picture: 1, some ten when it is progressive. At least MAX_SCANS + 1 is all that is
    told of more: a decoder takes time for each, and a scan may be of 31 bytes."""
    if data.count(_JPEG_SCAN) <= MAX_SCANS:  # in a segment, or behind the end, the same two bytes are no scan
        return data.count(_JPEG_SCAN)
    at, scans = 2, 0
    while scans <= MAX_SCANS and (found := _JPEG_MARKER.search(data, at)):
        at, marker = found.end(), data[found.end() - 1]
        if marker == _JPEG_END[1]:
            break
        scans += marker == _JPEG_SCAN[1]
        if marker not in _JPEG_ALONE:
            at += int.from_bytes(data[at:at + 2], "big")
    return scans


def holds_exif(file: BinaryIO, kind: str) -> bool:
    """Whether a PNG or WebP file says that it has EXIF data, which may turn it. The file's position moves."""
    file.seek(0)
    if kind == "WebP":
        head = file.read(21)
        return head[12:16] == b"VP8X" and bool(head[20:] and head[20] & _WEBP_EXIF)
    file.seek(8)
    for _ in range(_PNG_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] in (b"eXIf", b"IEND"):
            return chunk[4:] == b"eXIf"
        file.seek(int.from_bytes(chunk[:4], "big") + 4, SEEK_CUR)
    return False


def _png_is_whole(data: bytes) -> bool:
    at = 8
    for _ in range(_PNG_CHUNKS):
        if at + 12 > len(data):
            return False
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if name == b"IEND":
            return at <= len(data)
    return False


MAX_SCANS = 100
_WEBP_EXIF = 0x08
_PNG_CHUNKS = 1_000_000  # a real file has thousands; a forged one must not keep us busy
_PNG_HEADER = 33  # signature and the IHDR chunk
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEFLATE_MOST = 1032  # bytes that one byte can stand for


def _png(data: bytes) -> Found:
    if data[12:16] != b"IHDR" or len(data) < _PNG_HEADER:
        raise LookupError
    bits = data[24] * _PNG_CHANNELS[data[25]]
    if bits == 0:
        raise LookupError
    return *struct.unpack_from(">II", data, 16), _PNG_HEADER, 8 * _DEFLATE_MOST / bits


def _bmp(data: bytes) -> Found:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # the header of OS/2
        return *struct.unpack_from("<HH", data, 18), 26, math.inf
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height), 26, math.inf  # a negative height counts from the top


def _webp(data: bytes) -> Found:
    kind = data[12:16] if data[:4] == b"RIFF" else b""
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"), 30, math.inf
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 25, math.inf
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF, 30, math.inf  # two bits of each ask the viewer to scale
    raise LookupError


def _jpeg(data: bytes) -> Found:
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
            return width, height, at + 7, _JPEG_MOST if marker < _JPEG_ARITHMETIC else math.inf
        if marker in _JPEG_ENDS:
            break
        if marker not in _JPEG_ALONE:
            at += struct.unpack_from(">H", data, at)[0]
    raise LookupError


_JPEG_MARKERS = 10_000  # a real header has tens; a forged one must not keep us busy
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = b"\xff\xda"
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff]")
_JPEG_ARITHMETIC = 0xC8  # from here on a block may take less than one bit
_JPEG_MOST = 8 * 64  # pixels of eight blocks, which cost a bit each at the least
_JPEG_ENDS = frozenset((0xD9, 0xDA))
_JPEG_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))  # markers without a segment

_KINDS: tuple[tuple[str, bytes, int, Callable[[bytes], Found]], ...] = (
    ("JPEG", b"\xff\xd8\xff", 0, _jpeg), ("PNG", b"\x89PNG\r\n\x1a\n", 0, _png), ("BMP", b"BM", 0, _bmp), ("WebP", b"WEBP", 8, _webp))
