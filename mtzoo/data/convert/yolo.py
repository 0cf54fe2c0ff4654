"""YOLO: one text file for each image, "class cx cy w h" a row in shares of the image's size; rows of polygons and of poses, too.

The data set's YAML names the splits and classes (Ultralytics' layout); without one, classes.txt does and the folders are
images/{train,val} and labels/{train,val}. An image without a text file shows no object. Of a pose, the box is kept.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mtzoo.data.convert.drawing import bounding_box
from mtzoo.data.convert.layout import ALL, existing, find_folder, image_stems, inside, numbers, read_lines, read_text
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.yolo_labels import BOX_COLUMNS, background_remarks, check_long_rows, find_label_files
from mtzoo.data.images import IMAGE_SUFFIXES, upright_hw
from mtzoo.errors import UserError, shown
from mtzoo.plain_yaml import parse_yaml

LAYOUT = "data.yaml (path, train, val, names), or classes.txt with images/ and labels/"
NAME_LISTS = ("classes.txt", "obj.names")
ID_DIGITS = 9  # of a class; Python refuses to read thousands of them
KEYPOINTS, DIMS = "kpt_shape", (2, 3)  # x, y and, if there are three, visibility


@dataclass(frozen=True)
class _Place:
    """A folder of images, or a text file that lists them; their names in the converted set begin at `base`."""

    path: Path
    base: Path


@dataclass(frozen=True)
class _Described:
    """What the YAML, or the folders, say of a set. places: split -> where its images are; keypoints: numbers that follow the box in
    a row, 0 for none, None where nobody says; file: the one that could."""

    root: Path
    places: Mapping[str, list[_Place]]
    names: tuple[str, ...]
    keypoints: int | None
    file: str


def open_yolo(src: Path) -> SourceSet:
    """Raises UserError for a set without class names or without label files, for lists that leave the folder, and for rows that could
    be two things."""
    described = sorted(path for suffix in ("*.yaml", "*.yml") for path in src.glob(suffix))
    if len(described) > 1:
        raise UserError(f"{src}: {len(described)} YAML files ({', '.join(p.name for p in described)}); leave the data set's own")
    found = _from_yaml(src, described[0]) if described else _from_folders(src)
    images = {split: [(image, place.base) for place in places for image in _images(found.root, place.path)]
              for split, places in found.places.items()}
    labels: dict[Path, Path] = {}
    remarks: list[Remark] = []
    for split in images.values():
        paths = [image for image, _ in split]
        if paths:
            labels |= find_label_files(found.root, paths)
            remarks += background_remarks(paths, labels)
    if found.keypoints is None:
        check_long_rows(labels.values(), found.file)
    splits: dict[str, list[Entry]] = {
        split: [partial(_read, image, image.relative_to(base).as_posix(), labels.get(image), found.names, found.keypoints or 0)
                for image, base in pairs] for split, pairs in images.items()}
    return SourceSet(splits, Vocabulary(labelled=found.names), remarks)


def _from_yaml(src: Path, path: Path) -> _Described:
    content = parse_yaml(read_text(path), path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: no mapping; keys 'train', 'val' and 'names' are wanted")
    names = _names(content.get("names"), path)
    root = _root(src, content.get("path"))
    places: dict[str, list[_Place]] = {}
    for split in ("train", "val"):
        listed = content.get(split)
        if not listed:
            continue
        paths = [_place(root, text, path) for text in (listed if isinstance(listed, list) else [listed])]
        base = paths[0] if len(paths) == 1 and paths[0].is_dir() else root
        places[split] = [_Place(place, base) for place in paths]
    if not places:
        raise UserError(f"{path}: 'train' and 'val' are missing; name their folders of images or lists")
    if len(places) == 1:
        places = {ALL: next(iter(places.values()))}
    return _Described(root, places, names, _keypoints(content, path), path.name)


def _keypoints(content: Mapping[Any, Any], path: Path) -> int | None:
    """Numbers that follow the box: n * d of kpt_shape: [n, d]."""
    if KEYPOINTS not in content:
        return None
    shape = content[KEYPOINTS]
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or {type(v) for v in shape} != {int} or shape[0] < 1 or shape[1] not in DIMS:
        raise UserError(f"{path}: {KEYPOINTS}={shown(shape)}; [number of keypoints, 2 or 3] is wanted, or null for polygons")
    return shape[0] * shape[1]


def _names(value: Any, path: Path) -> tuple[str, ...]:
    """Class names by id: a list, or a mapping {0: name, ...}."""
    if isinstance(value, Mapping) and set(value) == set(range(len(value))):
        value = [value[k] for k in range(len(value))]
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: names={shown(value)}; a list of class names is wanted, or a mapping from 0 on")
    return tuple(str(name) for name in value)


def _root(src: Path, given: Any) -> Path:
    """`path` of the YAML where that is a folder of `src`; else `src`: it often tells where the author kept the set."""
    if isinstance(given, str) and os.path.isdir(src / given) and (src / given).resolve().is_relative_to(src.resolve()):
        return src / given
    return src


def _place(root: Path, text: Any, path: Path) -> Path:
    """A split's folder or list. Some exports write "../train/images" for what is beside the YAML, others where it lay at home."""
    place = text
    while isinstance(place, str) and place.startswith("../"):
        place = place.removeprefix("../")
    found = inside(root, place, str(path))
    parts = found.relative_to(root).parts
    ends = [root.joinpath(*parts[k:]) for k in range(max(len(parts) - 1, 1))]  # of more than one folder: "images" could be any
    found = next((end for end in ends if os.path.exists(end)), None)
    if found is None:
        raise UserError(f"{path}: '{text}': no such folder or list in {root}; restore it, mend the entry, or take it out: then the "
                        "images of the other split are divided (--val-share)")
    return found


def _from_folders(src: Path) -> _Described:
    listed = next((src / name for name in NAME_LISTS if (src / name).is_file()), None)
    if listed is None:
        raise UserError(f"{src}: no class names; --src has to hold {LAYOUT}")
    names = tuple(line for _, line in read_lines(listed))
    images = find_folder(src, ("images",), LAYOUT)
    places = {split: [_Place(images / split, images / split)] for split in ("train", "val") if (images / split).is_dir()}
    return _Described(src, places if "train" in places else {ALL: [_Place(images, images)]}, names, None, "a data.yaml")


def _images(root: Path, place: Path) -> Iterator[Path]:
    """The images of a folder, or those that a text file lists."""
    if place.is_dir():
        yield from image_stems(place).values()
        return
    for where, line in read_lines(place):
        image = existing(inside(root, line.removeprefix("./"), where), where)
        if image.suffix.lower() in IMAGE_SUFFIXES:
            yield image


def _read(image: Path, name: str, labels: Path | None, names: tuple[str, ...], keypoints: int) -> LabelledImage:
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    for where, line in read_lines(labels) if labels else ():
        _add_row(found, line.split(), names, keypoints, where)
    return found


def _add_row(found: LabelledImage, row: list[str], names: tuple[str, ...], keypoints: int, where: str) -> None:
    """keypoints: numbers after the box in each longer row; 0: those are polygons."""
    if not row[0].isdecimal() or len(row[0]) > ID_DIGITS or int(row[0]) >= len(names):
        raise UserError(f"{where}: class '{row[0]:.80}'; the set has classes 0..{len(names) - 1}, mend the row")
    name = names[int(row[0])]
    is_pose = keypoints > 0 and len(row) == BOX_COLUMNS + keypoints
    if len(row) != BOX_COLUMNS and not is_pose and (keypoints or len(row) < 7 or len(row) % 2 == 0):
        poses = f"a pose what {KEYPOINTS} in data.yaml says"
        wanted = f"a pose {BOX_COLUMNS + keypoints}" if keypoints else f"a polygon 7, 9, 11, ..., {poses}"
        raise UserError(f"{where}: {len(row)} columns; a box has {BOX_COLUMNS} (class cx cy w h), {wanted}")
    values = numbers(row[1:BOX_COLUMNS] if is_pose else row[1:], where)
    if max(map(abs, values)) > 2:
        raise UserError(f"{where}: value {max(values, key=abs):g}; coordinates are shares of the image's size, 0..1")
    if is_pose:
        found.remarks.append(Remark(name, "keypoints dropped, box kept", f"{where}: keypoints of '{name}' dropped", "mended"))
    height, width = found.hw
    x1, y1, x2, y2 = bounding_box(_corners(values))
    found.add_box(name, (x1 * width, y1 * height, x2 * width, y2 * height), where)


def _corners(values: list[float]) -> list[tuple[float, float]]:
    """Two corners of a box "cx cy w h", or those of a polygon "x y x y x y ..."."""
    if len(values) > BOX_COLUMNS - 1:
        return list(zip(values[::2], values[1::2]))
    cx, cy, w, h = values
    return [(cx - w / 2, cy - h / 2), (cx + w / 2, cy + h / 2)]


FORMAT = Format("yolo", "YOLO txt", LAYOUT, open_yolo)
