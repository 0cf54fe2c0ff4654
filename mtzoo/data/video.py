"""Video files -> frames with their times; what is wrong with a file is told in one line."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.images import MAX_ASPECT, MAX_PIXELS
from mtzoo.errors import UserError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
DEFAULT_FPS = 25.0
"""For containers that do not tell, or tell what no camera has."""
FPS_RANGE = (0.1, 1000.0)

_HEAD_BYTES = 1024
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # how MP4 and QuickTime files begin
_MPEG_STARTS = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb0", b"\x00\x00\x01\xb5", b"\x00\x00\x00\x01")
_TRANSPORT_PACKET = 188

# ffmpeg speaks of damage by itself; what matters is told here. Read when OpenCV first needs ffmpeg.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class Video:
    """An open video. hw: (height, width) of its frames; fps: frames per second; announced: how many frames it says it has, 0 if it
    does not say; notes: what is odd about it, complete after the last frame.
    """

    def __init__(self, path: Path, capture: cv2.VideoCapture) -> None:
        """Raises UserError if it has no frame, or larger ones than an image may be."""
        self.path, self.notes = path, list[str]()
        self._capture = capture
        self.announced = _whole_number(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._check_size(_whole_number(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), _whole_number(capture.get(cv2.CAP_PROP_FRAME_WIDTH)))
        self._next = self._read()
        if self._next is None:
            raise UserError(f"{path}: no frame of this video can be decoded; convert it, e.g. to H.264 in .mp4")
        self.hw: tuple[int, int] = self._next.shape[:2]
        self._check_size(*self.hw)
        told = capture.get(cv2.CAP_PROP_FPS)
        self._has_rate = FPS_RANGE[0] <= told <= FPS_RANGE[1]  # NaN is not
        self.fps = told if self._has_rate else DEFAULT_FPS
        if not self._has_rate:
            self.notes.append(f"tells of {told:g} frames a second; taken as {DEFAULT_FPS:g}")

    def frames(self) -> Iterator[tuple[np.ndarray, float]]:
        """(frame (H, W, 3) uint8 BGR, its time in seconds from the first one), once. It ends where the size of the frames changes."""
        count, seconds = 0, 0.0
        while self._next is not None:
            frame = self._next
            if frame.shape[:2] != self.hw:
                self.notes.append(f"frame {count} is {frame.shape[1]}x{frame.shape[0]}, those before {self.hw[1]}x{self.hw[0]}; "
                                  "it and what follows is left out")
                return
            seconds = self._seconds(count, seconds)
            yield frame, seconds
            count += 1
            self._next = self._read()
        if count < self.announced:
            self.notes.append(f"{count} of {self.announced} announced frames could be decoded")

    def close(self) -> None:
        self._capture.release()

    def _seconds(self, count: int, previous: float) -> float:
        """The container's own time of the frame just read, where it goes on from the previous one."""
        told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if count == 0:
            self._start = told
            return 0.0
        seconds = told - self._start
        return seconds if self._has_rate and math.isfinite(seconds) and seconds > previous else previous + 1 / self.fps

    def _read(self) -> np.ndarray | None:
        try:
            return self._capture.read()[1]
        except cv2.error:
            return None

    def _check_size(self, height: int, width: int) -> None:
        if height * width > MAX_PIXELS:
            raise UserError(f"{self.path}: frames of {width}x{height} are more than {MAX_PIXELS // 10**6} million pixels; "
                            "scale them down")
        if max(height, width) > MAX_ASPECT * min(height, width):
            raise UserError(f"{self.path}: frames of {width}x{height}: one side is more than {MAX_ASPECT} times as long as the other; "
                            "crop the video")


def open_video(path: Path) -> Video:
    """A video file to read; close it. Raises UserError for what is none, cannot be decoded, or has larger frames than an image may
    have.

    The file has to be a container by its own first bytes: a playlist, which names other files or addresses, is refused.
    """
    check_container(path)
    capture = cv2.VideoCapture(str(path))
    try:
        return Video(path, capture)
    except UserError:
        capture.release()
        raise


def check_container(path: Path) -> None:
    """Raises UserError for a file that is no MP4, QuickTime, AVI, Matroska, WebM or MPEG video by its first bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or check its permissions") from None
    if not head:
        raise UserError(f"{path}: the file is empty; restore it")
    matroska = head[:4] == b"\x1aE\xdf\xa3"
    avi = head[:4] == b"RIFF" and head[8:11] == b"AVI"
    transport = head[::_TRANSPORT_PACKET] == b"G" * len(head[::_TRANSPORT_PACKET]) and len(head) > _TRANSPORT_PACKET
    if not (head[4:8] in _BOXES or matroska or avi or transport or head.startswith(_MPEG_STARTS)):
        raise UserError(f"{path}: no MP4, QuickTime, AVI, Matroska, WebM or MPEG video, or a damaged one; "
                        "convert it, e.g. to H.264 in .mp4")


def count_frames(path: Path) -> int:
    """How many frames of a video can be decoded."""
    capture, count = cv2.VideoCapture(str(path)), 0
    try:
        while capture.grab():
            count += 1
    except cv2.error:
        pass
    finally:
        capture.release()
    return count


def _whole_number(value: float) -> int:
    """What a container tells, 0 where it is no number."""
    return int(value) if math.isfinite(value) and value > 0 else 0
