"""What a deploy model can be pointed at: image and video files, folders of them, a camera, a network stream."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeGuard

import cv2
import numpy as np

from mtzoo.console import note
from mtzoo.data.images import IMAGE_SUFFIXES, read_image
from mtzoo.data.input_files import check_file, find_files, is_folder
from mtzoo.data.video import VIDEO_SUFFIXES, open_video
from mtzoo.errors import UserError

Source = str | Path | int
"""A file, a folder, the number of a camera, 0 for the first, or the address of a stream as text."""
ADDRESSES = ("rtsp://", "http://", "https://")
SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)


class Frame(NamedTuple):
    """image: (H, W, 3) uint8 BGR; path: of its file, None of a camera or stream; seconds: of a video's, camera's or
    stream's frame from the first one."""

    image: np.ndarray
    path: Path | None
    seconds: float | None


def is_live(source: Source) -> TypeGuard[int | str]:
    """Whether it is a camera or a network stream."""
    return isinstance(source, int) or isinstance(source, str) and source.lower().startswith(ADDRESSES)


def is_image(source: Source) -> bool:
    """Whether it is one image, by its ending."""
    return not is_live(source) and Path(source).suffix.lower() in IMAGE_SUFFIXES and not is_folder(Path(source))


def as_frame(image: np.ndarray | str | Path) -> Frame:
    """An array as it is, or an image file's content. Raises UserError for a file that is none, or of another kind."""
    if not isinstance(image, str | Path):
        return Frame(image, None, None)
    check_file(Path(image), IMAGE_SUFFIXES)
    return Frame(read_image(Path(image)), Path(image), None)


def read_frames(source: Source) -> Iterator[Frame]:
    """The frames one by one; a folder's files by name, those of its folders, too. What is no image and no video there, and what cannot
    be read, is told and left out; a camera or stream gives frames until it ends or nobody asks for more.

    Raises UserError at once for what is not there, of another kind, or a folder without images and videos.
    """
    if is_live(source):
        return _live_frames(open_live(source))
    path = Path(source)
    if not is_folder(path):
        check_file(path, SUFFIXES)
        return _frames_of_file(path)
    files, left_out = find_files(path, SUFFIXES)
    if not files:
        raise UserError(f"{left_out or path}: no image or video in it ({' '.join(SUFFIXES)}); name another folder")
    if left_out:
        note(f"note: {left_out}")
    return _frames_of_files(files)


def _frames_of_files(files: list[Path]) -> Iterator[Frame]:
    for path in files:
        try:
            yield from _frames_of_file(path)
        except UserError as error:
            note(f"error: {error}")


def _frames_of_file(path: Path) -> Iterator[Frame]:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        yield Frame(read_image(path), path, None)
        return
    with closing(open_video(path)) as video:
        for image, seconds in video.frames():
            yield Frame(image, path, seconds)
        for line in video.notes:
            note(f"note: {path}: {line}")


def open_live(source: int | str) -> cv2.VideoCapture:
    """source: the number of a camera, or the address of a stream. Raises UserError if there is none that gives frames."""
    is_camera = isinstance(source, int)
    if is_camera and (source < 0 or isinstance(source, bool)):  # OpenCV 5 would end the process for one below 0
        raise UserError(f"camera {source}: expected a number from 0 on")
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        capture.release()
        raise UserError(f"camera {source}: cannot be opened; check that it is connected and that no other program uses it" if is_camera
                        else f"{source}: no video can be read from there; check the address, and that it can be reached from here")
    return capture


def _live_frames(capture: cv2.VideoCapture) -> Iterator[Frame]:
    start = None
    try:
        while True:
            there, image = capture.read()
            if not there:
                return
            now = time.monotonic()
            start = now if start is None else start
            yield Frame(image, None, now - start)
    finally:
        capture.release()
