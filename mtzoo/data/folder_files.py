"""The files of a source's folder, subfolders included."""

import os
from collections.abc import Sequence
from pathlib import Path

from mtzoo.data.sources import Fault
from mtzoo.errors import UserError


def list_files(root: Path, endings: Sequence[str], source: str) -> tuple[list[str], list[Fault]]:
    """Relative paths of the files below `root` that end so, sorted within each folder; a fault for each link to a folder.

    source: its name, for the UserError that tells that there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"source '{source}': no folder {root}; check its path")
    found: list[str] = []
    faults: list[Fault] = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        links = [path for name in folders if os.path.islink(path := os.path.join(folder, name))]
        faults += [Fault(path, "", "a link to a folder is not followed; put the folder there or name it as a source") for path in links]
        found += [(Path(folder) / file).relative_to(root).as_posix() for file in sorted(files)
                  if not file.startswith(".") and _ending(file, endings) is not None]
    return found, faults


def list_stems(root: Path, endings: Sequence[str], source: str) -> tuple[dict[str, str], list[Fault]]:
    """{relative path without its ending: relative path} of `list_files`, where a stem belongs to one file; a second one is a fault."""
    files, faults = list_files(root, endings, source)
    found: dict[str, str] = {}
    for file in files:
        stem = file[:-len(_ending(file, endings))]
        if stem in found:
            faults.append(Fault(str(root / file), "", f"'{found[stem]}' has the same stem; remove one"))
        else:
            found[stem] = file
    return found, faults


def _ending(file: str, endings: Sequence[str]) -> str | None:
    return next((ending for ending in endings if file.lower().endswith(ending.lower())), None)
