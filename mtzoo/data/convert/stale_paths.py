"""Paths from the machine where a set was labelled: their last folders are sought where the set lies now."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from mtzoo.data.convert.records import Remark
from mtzoo.data.names import is_absolute


def path_parts(text: str) -> Sequence[str]:
    """The parts of a path of any system, without its root; an absolute one never leads up."""
    path = PureWindowsPath(text)  # takes both separators
    if not is_absolute(text):
        return path.parts
    return PurePosixPath(posixpath.normpath(f"/{path.relative_to(path.anchor).as_posix()}")).parts[1:]


def found_below(parts: Sequence[str], folders: Iterable[Path], least: int) -> Path | None:
    """What is there of a path's last parts, `least` or more of them, the most first, below one of the folders."""
    ends = [parts[k:] for k in range(max(len(parts) - least + 1, 1))]
    places = (folder.joinpath(*end) for end in ends for folder in dict.fromkeys(folders))
    return next((place for place in places if os.path.exists(place)), None)


def stale(where: str, text: str, found: Path) -> Remark:
    """What to tell of a path that was found elsewhere."""
    return Remark("", "stale path, found below --data", f"{where}: '{text}' is stale; read as {found}", "mended")
