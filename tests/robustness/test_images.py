"""Hostile images and masks through `predict` and `data check`: told in one line, in little time and memory."""

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.robustness.base import Base
from tests.robustness.corpus import cases
from tests.robustness.harness import Harness, Outcome, assert_held
from tests.tiny import config_values, write_config

SLOW_S = 20
"""Of wall time, on a busy machine. What an image of the largest allowed size takes stays well below."""


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, *more: bytes, bits: int = 8, color: int = 2, rows: bytes | None = None, interlace: int = 0
) -> bytes:
    """A PNG of zeros, whatever its size; rows: other pixel data."""
    bytes_a_row = 1 + (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] + 7) // 8
    compressor = zlib.compressobj(1)
    if rows is None:
        body = b"".join([*(compressor.compress(bytes(bytes_a_row)) for _ in range(height)), compressor.flush()])
    else:
        body = zlib.compress(rows)
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated_zeros(mib: int) -> bytes:
    compressor = zlib.compressobj(9)
    return b"".join([*(compressor.compress(bytes(1 << 20)) for _ in range(mib)), compressor.flush()])


def many_scans(scans: int) -> bytes:
    """A progressive JPEG of 2000x2000, one of whose scans comes again and again."""
    file = BytesIO()
    Image.new("L", (2000, 2000), 90).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    return data[:second] + data[first:second] * scans + data[second:]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 100, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
        + bytes(60)
    )


def webp(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def exif(orientation: int, size: int = 0) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    if size:
        tags[0x010E] = "x" * size
    return saved(Image.new("RGB", (96, 64)), "JPEG", exif=tags)


Write = Callable[[Path, Base], Any]


def content(data: Callable[[], bytes]) -> Write:
    return lambda path, base: path.write_bytes(data())


REFUSED: dict[str, tuple[str, Write]] = {
    "png-bomb": ("x.png", content(lambda: png(30_000, 30_000, rows=bytes(10**6)))),
    "png-bomb-real": ("x.png", content(lambda: png(20_000, 20_000, bits=1, color=0))),
    "png-forged": ("x.png", content(lambda: png(2**31 - 1, 2**31 - 1, rows=b""))),
    "png-zero": ("x.png", content(lambda: png(0, 0))),
    "png-short-rows": ("x.png", content(lambda: png(6000, 6000, rows=b"\0"))),
    "png-cut": ("x.png", lambda path, base: path.write_bytes(base.image.read_bytes()[:-200])),
    "png-long-chunk": ("x.png", content(lambda: png(8, 8)[:33] + struct.pack(">I", 2**31 - 1) + b"zTXt" + bytes(64))),
    "webp-bomb": ("x.webp", content(lambda: webp(2**24, 2**24))),
    "bmp-bomb": ("x.bmp", content(lambda: bmp(60_000, 60_000))),
    "bmp-negative": ("x.bmp", content(lambda: bmp(-5, 2**31 - 1))),
    "bmp-min": ("x.bmp", content(lambda: bmp(10, -(2**31)))),
    "jpeg-scans": ("x.jpg", content(lambda: many_scans(3000))),
    "jpeg-cut": ("x.jpg", content(lambda: exif(1)[:300])),
    "jpeg-markers": ("x.jpg", content(lambda: b"\xff\xd8\xff" + b"\xff\xe0\0\2" * 200_000)),
    "jpeg-fill": ("x.jpg", content(lambda: b"\xff\xd8" + b"\xff" * 2_000_000)),
    "jpeg-65535": ("x.jpg", content(lambda: exif(1).replace(struct.pack(">HH", 64, 96), struct.pack(">HH", 65535, 65535)))),
    "empty": ("x.png", content(lambda: b"")),
    "text": ("x.png", content(lambda: b"hello\n")),
    "gif": ("x.png", content(lambda: saved(Image.new("P", (8, 8)), "GIF"))),
    "tiff": ("x.png", content(lambda: saved(Image.new("RGB", (8, 8)), "TIFF"))),
    "svg": ("x.png", content(lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>')),
    "html": ("x.jpg", content(lambda: b"<html><script>alert(1)</script>")),
    "zeros": ("x.jpg", content(lambda: bytes(100_000))),
    "sparse": ("x.jpg", lambda path, base: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 3 << 30)),
    "fifo": ("x.png", lambda path, base: os.mkfifo(path)),
    "device": ("x.png", lambda path, base: path.symlink_to("/dev/zero")),
    "folder": ("x.png", lambda path, base: path.mkdir()),
    "loop": ("x.png", lambda path, base: path.symlink_to(path)),
    "dangling": ("x.png", lambda path, base: path.symlink_to("nowhere")),
    "model": ("x.png", lambda path, base: path.write_bytes(base.model.read_bytes())),
}
"""A name -> (file name, who writes it): what `predict` refuses."""

READ: dict[str, tuple[str, Write]] = {
    "flat-row": ("x.png", content(lambda: png(39_000, 1))),
    "flat-column": ("x.png", content(lambda: png(1, 39_000))),
    "one-pixel": ("x.png", content(lambda: png(1, 1))),
    "row-2000": ("x.png", content(lambda: png(2000, 1))),
    "column-3": ("x.png", content(lambda: png(3, 2000))),
    "text-bomb": ("x.png", content(lambda: png(96, 64, chunk(b"zTXt", b"a\0\0" + deflated_zeros(1500))))),
    "icc-bomb": ("x.png", content(lambda: png(96, 64, chunk(b"iCCP", b"a\0\0" + deflated_zeros(1500))))),
    "international-bomb": ("x.png", content(lambda: png(96, 64, chunk(b"iTXt", b"a\0\1\0\0\0" + deflated_zeros(1500))))),
    "exif-99": ("x.jpg", content(lambda: exif(99))),
    "exif-long": ("x.jpg", content(lambda: exif(6, 60_000))),
    "animated": (
        "x.webp",
        content(
            lambda: saved(Image.new("RGB", (96, 64)), "WebP", save_all=True, append_images=[Image.new("RGB", (96, 64), 9)] * 200)
        ),
    ),
    "16-bit": ("x.png", content(lambda: png(96, 64, bits=16, color=6))),
    "largest": ("x.png", content(lambda: png(8000, 5000))),
    "name-wrong": ("x.jpg", content(lambda: png(96, 64))),
}
"""What `predict` may read: it is enough that nothing breaks."""


def predict(write: tuple[str, Write], harness: Harness, base: Base, folder: Path) -> Outcome:
    name, make = write
    (folder / "in").mkdir()
    make(folder / "in" / name, base)
    argv = [
        "predict",
        base.model,
        base.image,
        folder / "in" / name,
        "--out",
        folder / "out" / "seen",
        "--executor",
        "onnxruntime",
        "--threads",
        "1",
    ]
    return harness.verb(argv, folder)


@pytest.mark.parametrize(("name", "write"), cases(REFUSED, ["png-bomb", "jpeg-scans", "fifo", "bmp-min"]))
def test_what_is_refused(name, write, harness, base, tmp_path):
    outcome = predict(write, harness, base, tmp_path)
    assert_held(outcome)
    assert outcome.seconds < SLOW_S


@pytest.mark.parametrize(("name", "write"), cases(READ, ["flat-row", "flat-column", "text-bomb"]))
def test_what_may_be_read(name, write, harness, base, tmp_path):
    outcome = predict(write, harness, base, tmp_path)
    assert_held(outcome, (0, 2))
    assert outcome.seconds < SLOW_S
    assert (tmp_path / "out" / "seen" / "overlays" / "0.jpg").exists()  # of the good image


def test_one_bad_image_leaves_the_others_their_answers(harness, base, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "c.png"):
        (tmp_path / "in" / name).write_bytes(base.image.read_bytes())
    (tmp_path / "in" / "b.png").write_bytes(png(30_000, 30_000, rows=b""))
    outcome = harness.verb(
        ["predict", base.model, tmp_path / "in", "--out", tmp_path / "out" / "seen", "--executor", "onnxruntime"], tmp_path
    )
    assert_held(outcome)
    assert sorted(p.name for p in (tmp_path / "out" / "seen" / "overlays").iterdir()) == ["a.jpg", "c.jpg"]


MASKS: dict[str, Write] = {
    "palette": content(lambda: saved(Image.new("P", (96, 64)), "PNG")),
    "color": content(lambda: png(96, 64)),
    "16-bit": content(lambda: cv2.imencode(".png", np.full((64, 96), 999, np.uint16))[1].tobytes()),
    "size": content(lambda: png(3, 3, color=0)),
    "bomb": content(lambda: png(20_000, 20_000, bits=1, color=0)),
    "value": content(lambda: cv2.imencode(".png", np.full((64, 96), 77, np.uint8))[1].tobytes()),
    "jpeg": content(lambda: saved(Image.new("L", (96, 64)), "JPEG")),
    "empty": content(lambda: b""),
    "fifo": lambda path, base: os.mkfifo(path),
    "text-bomb": content(lambda: png(96, 64, chunk(b"zTXt", b"a\0\0" + deflated_zeros(1500)), color=0)),
}


@pytest.mark.parametrize(("name", "write"), cases(MASKS, ["bomb"]))
def test_masks(name, write, harness, base, tmp_path):
    data = tmp_path / "data"
    for folder in ("images", "masks"):
        (data / folder).mkdir(parents=True)
        for number in range(2):
            (data / folder / f"{number}.png").write_bytes((base.data / folder / f"{number}.png").read_bytes())
    (data / "masks" / "0.png").unlink()
    write(data / "masks" / "0.png", base)
    config = write_config(tmp_path / "config.py", config_values(data, ["seg"]))
    outcome = harness.verb(["data", "check", config, "--workers", "1"], tmp_path)
    assert_held(outcome, (0,) if name in ("palette", "text-bomb") else (0, 1, 2), lists_faults=True)
