"""Hostile videos through `predict`: told in one line, the others go on."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.base import Base
from tests.robustness.corpus import cases
from tests.robustness.harness import assert_held

Write = Callable[[Path, Base], Any]


def forged(name: bytes, offset: int, value: int) -> Write:
    """The good mp4 with a number of one of its boxes replaced; offset: after the box's name."""

    def write(path: Path, base: Base) -> None:
        data = bytearray((base.root / "video.mp4").read_bytes())
        at = data.index(name) + 4 + offset
        data[at : at + 4] = struct.pack(">I", value)
        path.write_bytes(data)

    return write


def avi(name: bytes, offset: int, value: int) -> Write:
    def write(path: Path, base: Base) -> None:
        data = bytearray((base.root / "video.avi").read_bytes())
        at = data.index(name) + 4 + offset
        data[at : at + 4] = struct.pack("<I", value)
        path.write_bytes(data)

    return write


def text(content: str) -> Write:
    return lambda path, base: path.write_text(content)


VIDEOS: dict[str, tuple[str, Write]] = {
    "empty": ("x.mp4", lambda path, base: path.write_bytes(b"")),
    "noise": ("x.mp4", lambda path, base: path.write_bytes(os.urandom(50_000))),
    "cut": ("x.mp4", lambda path, base: path.write_bytes((base.root / "video.mp4").read_bytes()[:3000])),
    "cut-avi": ("x.avi", lambda path, base: path.write_bytes((base.root / "video.avi").read_bytes()[:12_000])),
    "fifo": ("x.mp4", lambda path, base: os.mkfifo(path)),
    "device": ("x.mp4", lambda path, base: path.symlink_to("/dev/zero")),
    "folder": ("x.mp4", lambda path, base: path.mkdir()),
    "playlist-http": ("x.mp4", text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")),
    "playlist-file": ("x.mp4", text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")),
    "session": ("x.mp4", text("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n")),
    "concat": ("x.mkv", text("ffconcat version 1.0\nfile /etc/passwd\n")),
    "image": ("x.mp4", lambda path, base: path.write_bytes(base.image.read_bytes())),
    "rate-0": ("x.mp4", forged(b"mdhd", 12, 0)),
    "rate-huge": ("x.mp4", forged(b"mdhd", 12, 2**31 - 1)),
    "duration-huge": ("x.mp4", forged(b"mdhd", 16, 2**32 - 1)),
    "frames-huge": ("x.mp4", forged(b"stts", 8, 2**31 - 1)),
    "sizes-huge": ("x.mp4", forged(b"stsz", 8, 2**31 - 1)),
    "width-huge": ("x.avi", avi(b"strf", 8, 60_000)),
    "height-huge": ("x.avi", avi(b"strf", 12, 60_000)),
    "scale-0": ("x.avi", avi(b"strh", 24, 0)),
    "rate-0-avi": ("x.avi", avi(b"strh", 28, 0)),
    "rate-huge-avi": ("x.avi", avi(b"strh", 28, 2**32 - 1)),
    "frames-negative": ("x.avi", avi(b"avih", 20, 2**32 - 1)),
    "model": ("x.avi", lambda path, base: path.write_bytes(base.model.read_bytes())),
}


@pytest.mark.parametrize(("name", "write"), cases(VIDEOS, ["cut", "fifo", "rate-0-avi", "playlist-http"]))
def test_hostile_videos(name, write, harness, base, tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / write[0]
    write[1](path, base)
    argv = [
        "predict",
        base.model,
        base.image,
        path,
        base.root / "video.mp4",
        "--out",
        tmp_path / "out" / "seen",
        "--executor",
        "onnxruntime",
        "--threads",
        "1",
    ]
    outcome = harness.verb(argv, tmp_path)
    assert_held(outcome, (0, 2))
    if path.is_file() and not path.is_symlink():
        assert (tmp_path / "out" / "seen" / "overlays" / "0.jpg").exists()  # the good image and the good video have their answers
        assert list((tmp_path / "out" / "seen" / "overlays").glob("video*.mp4"))
