"""File names out of label files, and where they lead: nothing outside of a source's folder is read."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath


def posix_name(text: str) -> str:
    """A relative name with Windows' separators turned and "./" dropped: "left\\\\a.png" -> "left/a.png"."""
    return str(PurePosixPath(text.replace("\\", "/")))


def is_absolute(text: str) -> bool:
    """Whether it is a path from the root on, or from a drive, of this or another machine: "/data/a.png", "C:\\data\\a.png"."""
    return PurePosixPath(posix_name(text)).is_absolute() or bool(PureWindowsPath(text).drive)


def name_problem(text: str) -> str | None:
    """What is wrong with a name that has to stay below its folder, and what to do; None for a good one."""
    name = PurePosixPath(posix_name(text))
    if not name.parts:
        return "is empty; name the file"
    if is_absolute(text) or ".." in name.parts:
        return "leaves its folder; write it relative to the folder, without '..'"
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    return "holds a character that no file name can have; fix it" if b"\0" in encoded else None


def leaving_links(root: Path, files: Iterable[str]) -> dict[str, Path]:
    """{file: what it really is} of those relative `files` that a link takes out of `root`, a resolved folder."""
    inside: dict[str, bool] = {}  # by folder: following every part of every path is slow
    leaving: dict[str, Path] = {}
    for file in files:
        path = root / file
        folder = os.path.dirname(path)
        if folder not in inside:
            inside[folder] = Path(os.path.realpath(folder)).is_relative_to(root)
        if not inside[folder] or os.path.islink(path):
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(root):
                leaving[file] = real
    return leaving


def link_problem(real: Path) -> str:
    """What to say of a link that leads to `real`, outside of its source's folder."""
    return f"is a link that leaves its folder, to {real}; put the file itself there, or set follow_links=True in its sources"
