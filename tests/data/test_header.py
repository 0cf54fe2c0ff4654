import struct
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.data.header import is_cut_off, read_header


def encoded(kind: str, **options: object) -> bytes:
    file = BytesIO()
    Image.new("RGB", (37, 21)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "options"), [
    ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"comment": b"\xff\xc0" * 400}), ("PNG", {}), ("BMP", {}),
    ("WebP", {"lossless": True}), ("WebP", {"lossless": False}), ("WebP", {"exif": b"Exif\0\0"}),
])
def test_sizes_of_all_kinds(kind, options):
    header = read_header(encoded(kind, **options))
    assert (header.kind, header.hw) == (kind, (21, 37))


def test_the_jpegs_frame_is_found_behind_previews_and_fill():
    data = encoded("JPEG")
    preview = encoded("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(preview)) + preview
    header = read_header(data[:2] + segment + b"\xff" * 50 + data[2:])
    assert header.hw == (21, 37)
    assert header.end > len(segment) + 52


def test_bmps_from_the_top_and_of_os2():
    data = bytearray(cv2.imencode(".bmp", np.zeros((21, 37, 3), np.uint8))[1].tobytes())
    struct.pack_into("<i", data, 22, -21)
    assert read_header(bytes(data)).hw == (21, 37)
    os2 = b"BM" + bytes(12) + struct.pack("<IHH", 12, 37, 21)
    assert read_header(os2).hw == (21, 37)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WebP"])
def test_a_header_cut_anywhere_is_none_or_whole(kind):
    data = encoded(kind)
    whole = read_header(data)
    found = [read_header(data[:n]) for n in range(len(data) + 1)]
    assert found[0] is None
    assert all(header in (None, whole) for header in found)
    assert found.index(whole) == whole.end


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_cut_anywhere_behind_its_header_is_cut_off(kind):
    data = encoded(kind)
    header = read_header(data)
    assert not is_cut_off(data, header)
    assert not is_cut_off(data + b"more", header)
    assert all(is_cut_off(data[:n], header) for n in range(header.end, len(data)))


def test_no_file_holds_more_than_its_bytes_can_tell():
    jpeg, png, webp = (read_header(encoded(kind)) for kind in ("JPEG", "PNG", "WebP"))
    assert [jpeg.fits(1), jpeg.fits(2), png.fits(1), png.fits(3), webp.fits(1)] == [False, True, False, True, True]


@pytest.mark.parametrize("data", [
    b"", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff" + b"\x01\xff" * 10**6, b"\xff\xd8" + b"\xff" * 10**6,
    b"\x89PNG\r\n\x1a\n" + bytes(40), b"BM" + bytes(40), b"RIFF\0\0\0\0WEBPVP8?" + bytes(40),
])
def test_what_is_no_header(data):
    assert read_header(data) is None
