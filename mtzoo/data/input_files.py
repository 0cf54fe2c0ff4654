"""Images and videos that a user names: files, and folders that are searched for them."""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from mtzoo.console import note
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.errors import UserError, listed

OTHER_KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFCHR: "device", stat.S_IFBLK: "device", stat.S_IFSOCK: "socket"}
"""What is no file: reading a pipe would wait for ever."""


class FileFailed(Exception):
    """One input is at fault, or its answer cannot be written; the others go on. One line that names the input."""


def find_files(folder: Path, suffixes: Sequence[str], out: Path | None = None) -> tuple[list[Path], str]:
    """(files below `folder` with one of the endings, sorted; what was left out, as one line, empty for nothing).

    `out`, a folder of answers, is no part of `folder`; what is in it is neither taken nor told.
    """
    files: list[Path] = []
    left_out: dict[str, list[Path]] = {}

    def leave_out(kind: str, path: Path) -> None:
        left_out.setdefault(kind, []).append(path)

    for place, below, names in os.walk(folder, onerror=lambda error: leave_out("folder that cannot be opened", Path(error.filename))):
        root = Path(place)
        if out is not None and root.resolve().is_relative_to(out.resolve()):
            below.clear()
            continue
        for path in (root / name for name in below):
            if path.is_symlink():
                leave_out("link to a folder", path)
        for path in sorted(root / name for name in names):
            kind = _left_out_as(path, suffixes)
            leave_out(kind, path) if kind else files.append(path)
    counted = [f"{len(paths)} {kind}{'s' * (len(paths) > 1)} ({paths[0].relative_to(folder)}{', ...' * (len(paths) > 1)})"
               for kind, paths in sorted(left_out.items())]
    return sorted(files), f"{folder}: left out: {', '.join(counted)}" if counted else ""


def list_images(source: Path) -> list[Path]:
    """The images of --images: one file, or all below a folder, sorted; what else is there is told.

    Raises UserError for a folder without an image, and as `check_file`."""
    if not is_folder(source):
        check_file(source, IMAGE_SUFFIXES)
        return [source]
    files, left_out = find_files(source, IMAGE_SUFFIXES)
    if not files:
        raise UserError(f"--images {left_out or source}: no image in it ({' '.join(IMAGE_SUFFIXES)}); name another folder")
    if left_out:
        note(f"note: {left_out}")
    return files


def spread_images(source: Path, limit: int | None) -> list[Path]:
    """`list_images`, at most `limit` of them, evenly spread."""
    files = list_images(source)
    count = min(limit or len(files), len(files))
    return [files[i * len(files) // count] for i in range(count)]


def _left_out_as(path: Path, suffixes: Sequence[str]) -> str:
    """What a path inside of a folder is, when it is not one of the files that are sought."""
    if path.suffix.lower() not in suffixes:
        return f"{path.suffix.lower()} file" if path.suffix else "file without an ending"
    try:
        mode = path.stat().st_mode
    except OSError:
        return "link to nothing" if path.is_symlink() else "file that cannot be reached"
    return "" if stat.S_ISREG(mode) else OTHER_KINDS.get(stat.S_IFMT(mode), "special file")


def check_file(path: Path, suffixes: Sequence[str]) -> None:
    """Raises UserError for a path that is not there, no file, or one of another ending. suffixes: of images, or of videos, too."""
    videos = not set(suffixes) <= set(IMAGE_SUFFIXES)
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if address := re.fullmatch(r"([a-z]{2,}):/+(.+)", str(path), re.IGNORECASE):  # a path has lost a slash
            raise UserError(f"{address[1]}://{address[2]}: an address, no file; download it, or read a stream with "
                            "`DeployModel.stream` in Python") from None
        why = "" if isinstance(error, FileNotFoundError) else f" ({getattr(error, 'strerror', None) or error})"
        raise UserError(f"{path}: no such file or folder{why}; check the path") from None
    if kind != stat.S_IFREG:
        raise UserError(f"{path}: not an image {'or video ' * videos}file but a {OTHER_KINDS.get(kind, 'special file')}; "
                        f"name {'a file or a folder' if videos else 'an image file'}")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: {'neither an image nor a video' if videos else 'no image'} by its ending; known: {listed(suffixes)}")


def is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder above that may not be entered
        return False
