"""Finding and reading the files of a published layout, with one line for each thing that is not as it should be."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.convert.records import Entry, Remark
from mtzoo.data.folder_files import list_stems
from mtzoo.data.images import IMAGE_SUFFIXES, UNREAD_SUFFIXES, read_mask
from mtzoo.data.json_file import read_json
from mtzoo.data.names import name_problem, posix_name
from mtzoo.errors import UserError, shown
from mtzoo.structures import IGNORE

ALL = "all"
"""Key of the entries of a set that has no split of its own."""


def find_folder(src: Path, names: Sequence[str], layout: str) -> Path:
    """The first of the folders src/name that exists. Raises UserError telling the layout."""
    found = next((src / name for name in names if (src / name).is_dir()), None)
    if found is None:
        raise UserError(f"{src / names[0]}: no such folder; --data must contain {layout}")
    return found


def inside(root: Path, text: object, where: str) -> Path:
    """root/text for a path that an annotation names. Raises UserError if it is none or would leave `root`."""
    problem = name_problem(text) if isinstance(text, str) else "is not text; write a file name"
    if problem:
        raise UserError(f"{where}: path {shown(text)} {problem}")
    return root / posix_name(text)


def existing(path: Path, where: str) -> Path:
    """`path`, which a label file names. Raises UserError if there is no such file."""
    if not os.path.isfile(path):  # unlike Path.is_file, False for a name longer than any file's
        raise UserError(f"{where}: no such file {path}; restore it or drop the entry")
    return path


def image_stems(root: Path, endings: Sequence[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """{path below `root` without its ending: image file}, sorted. Raises UserError for two images of one stem."""
    stems, faults = list_stems(root, endings, str(root))
    if faults:
        raise UserError(str(faults[0]))
    return {stem: root / file for stem, file in stems.items()}


def unread_images(root: Path) -> list[Remark]:
    """A remark for each image file below `root` of a kind that is not read."""
    found = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        found += [Remark("", f"{suffix} images, which are not read", f"{os.path.join(folder, file)}: not read; save it as PNG or JPEG")
                  for file in sorted(files) if (suffix := os.path.splitext(file)[1].lower()) in UNREAD_SUFFIXES]
    return found


def read_text(path: Path) -> str:
    """A UTF-8 text file. Raises UserError if it cannot be read or is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: no UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore it or check its permissions") from None


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """("file:line number", stripped text) of each line that is not empty."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def read_names(path: Path) -> list[str]:
    """Class names by id, one a line; "" for an empty line between others: the id has no name. Raises as `read_text`."""
    return [line.strip() for line in read_text(path).rstrip().splitlines()]


def read_ids(path: Path, count: int) -> np.ndarray:
    """(H, W) uint8 mask of class ids below `count`, or 255. Raises UserError naming another value."""
    ids = read_mask(path)
    wrong = np.unique(ids[(ids >= count) & (ids != IGNORE)])
    if wrong.size:
        raise UserError(f"{path}: mask value {wrong[0]} is not one of this format's 0..{count - 1}; restore the mask")
    return ids


def read_labels(path: Path) -> Any:
    """The content of a JSON file of labels. Raises UserError if it cannot be read or is none."""
    return read_json(path, "label file", "restore it")


def member(entry: object, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """entry[key], which has to be a `kind`. Raises UserError naming the place and the value."""
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{where}: '{key}' is {value!r:.80}; expected {_kind_name(kind)}")
    return value


def numbers(values: Iterable[object], where: str) -> list[float]:
    """Texts or numbers as finite floats. Raises UserError naming the first that is none."""
    found = []
    for value in values:
        try:
            found.append(float(value))
        except (TypeError, ValueError, OverflowError):
            raise UserError(f"{where}: {value!r:.80} is not a number; fix the row") from None
        if not math.isfinite(found[-1]):
            raise UserError(f"{where}: {value!r} is not finite; fix the row")
    return found


def points(values: object, where: str) -> list[tuple[float, float]]:
    """[[x, y], ...] as float pairs. Raises UserError for anything else."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise UserError(f"{where}: expected a list of points [x, y], got {values!r:.80}")
    pairs = []
    for value in values:
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 2:
            raise UserError(f"{where}: {value!r:.80} is not a point [x, y]; fix the row")
        x, y = numbers(value[:2], where)
        pairs.append((x, y))
    return pairs


def listed_splits(entries: Mapping[str, Entry], lists: Mapping[str, Path]) -> dict[str, list[Entry]]:
    """Entries by split as text files list them, each once; without such files all are one. A key is a whole line, or its first word."""
    files = {split: path for split, path in lists.items() if path.is_file()}
    if not files:
        return {ALL: list(entries.values())}
    splits: dict[str, list[Entry]] = {}
    for split, path in files.items():
        chosen: dict[str, Entry] = {}
        for where, line in read_lines(path):
            key = line if line in entries else line.split()[0]
            if key not in entries:
                raise UserError(f"{where}: '{line}' has no image with labels; restore it or drop the line")
            chosen[key] = entries[key]
        splits[split] = list(chosen.values())
    return splits


def split_off_val(splits: Mapping[str, Sequence[Entry]], val_share: float, by: str = "name") -> dict[str, list[Entry]]:
    """"train" and "val" of every set. One without a val part gives the last `val_share` of its images, at least one; with
    by="folder" the last folders, as many as come nearest to that share.

    The last, not random ones: neighbouring frames of a drive look alike, and a score on them flatters.
    """
    train, val = list(splits.get("train", splits.get(ALL, ()))), list(splits.get("val", ()))
    if not val:
        if len(train) < 2:
            raise UserError(f"{len(train)} labelled images found; at least 2 are needed, for train and val")
        if by == "folder":
            return _last_folders(train, val_share)
        count = min(max(round(len(train) * val_share), 1), len(train) - 1)
        train, val = train[:-count], train[-count:]
    if not train:
        raise UserError("no labelled image of the train split found; restore it, train and val are both needed")
    return {"train": train, "val": val}


def _last_folders(entries: Sequence[Entry], val_share: float) -> dict[str, list[Entry]]:
    folders: dict[Path, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.path):
        folders.setdefault(entry.path.parent, []).append(entry)
    if len(folders) < 2:
        raise UserError(f"all {len(entries)} labelled images lie in {next(iter(folders))}; take --split-by name")
    groups, wanted = list(folders.values()), val_share * len(entries)
    counts = [sum(map(len, groups[-k:])) for k in range(1, len(groups))]
    taken = 1 + min(range(len(counts)), key=lambda k: (abs(counts[k] - wanted), k))
    return {"train": [entry for group in groups[:-taken] for entry in group],
            "val": [entry for group in groups[-taken:] for entry in group]}


def _kind_name(kind: type | tuple[type, ...]) -> str:
    names = {list: "a list", dict: "an object", str: "a text", int: "a whole number", float: "a number"}
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return names[kinds[-1]]
