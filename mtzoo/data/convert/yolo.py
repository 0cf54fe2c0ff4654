"""YOLO: one text file for each image, "class cx cy w h" a row in shares of the image's size; rows of polygons, too.

The data set's YAML names the splits and classes (Ultralytics' layout); without one, classes.txt does and the folders are
images/{train,val} and labels/{train,val}. An image without a text file shows no object.
"""

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from mtzoo.data.convert.drawing import bounding_box
from mtzoo.data.convert.layout import ALL, existing, find_folder, image_stems, inside, numbers, read_lines, read_text
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary
from mtzoo.data.images import IMAGE_SUFFIXES, upright_hw
from mtzoo.errors import UserError

LAYOUT = "data.yaml (path, train, val, names), or classes.txt with images/ and labels/"
NAME_LISTS = ("classes.txt", "obj.names")
BOX_COLUMNS = 5


def open_yolo(src: Path) -> SourceSet:
    """Raises UserError for a set without class names, for lists that leave the folder."""
    described = sorted(path for suffix in ("*.yaml", "*.yml") for path in src.glob(suffix))
    if len(described) > 1:
        raise UserError(f"{src}: {len(described)} YAML files ({', '.join(p.name for p in described)}); leave the data set's own")
    splits, names = _from_yaml(src, described[0]) if described else _from_folders(src)
    return SourceSet(splits, Vocabulary(labelled=names))


def _from_yaml(src: Path, path: Path) -> tuple[dict[str, list[Entry]], tuple[str, ...]]:
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())}); restore it") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: no mapping; keys 'train', 'val' and 'names' are wanted")
    names = _names(content.get("names"), path)
    root = _root(src, content.get("path"))
    splits = {}
    for split in ("train", "val"):
        listed = content.get(split)
        if listed is None:
            raise UserError(f"{path}: '{split}' is missing; name its folder of images or its list")
        places = listed if isinstance(listed, list) else [listed]
        folders = [_place(root, place, path) for place in places]
        base = folders[0] if len(folders) == 1 and folders[0].is_dir() else root  # images are named from here on
        splits[split] = [entry for folder in folders for entry in _entries(root, folder, names, base)]
    return splits, names


def _names(value: Any, path: Path) -> tuple[str, ...]:
    """Class names by id: a list, or a mapping {0: name, ...}."""
    if isinstance(value, Mapping) and sorted(value) == list(range(len(value))):
        value = [value[k] for k in range(len(value))]
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: names={value!r:.80}; a list of class names is wanted, or a mapping from 0 on")
    return tuple(str(name) for name in value)


def _root(src: Path, given: Any) -> Path:
    """`path` of the YAML where that is a folder of `src`; else `src`: it often tells where the author kept the set."""
    if isinstance(given, str) and os.path.isdir(src / given) and (src / given).resolve().is_relative_to(src.resolve()):
        return src / given
    return src


def _place(root: Path, text: Any, path: Path) -> Path:
    """A split's folder or list. Some exports write "../train/images" for what is beside the YAML."""
    place = text
    while isinstance(place, str) and place.startswith("../"):
        place = place.removeprefix("../")
    found = inside(root, place, str(path))
    if not os.path.exists(found):
        raise UserError(f"{path}: '{text}': no such folder or list in {root}; restore it or mend the entry")
    return found


def _from_folders(src: Path) -> tuple[dict[str, list[Entry]], tuple[str, ...]]:
    listed = next((src / name for name in NAME_LISTS if (src / name).is_file()), None)
    if listed is None:
        raise UserError(f"{src}: no class names; --src has to hold {LAYOUT}")
    names = tuple(line for _, line in read_lines(listed))
    images = find_folder(src, ("images",), LAYOUT)
    if (images / "train").is_dir():
        folders = {split: images / split for split in ("train", "val") if (images / split).is_dir()}
        return {split: list(_entries(src, folder, names, folder)) for split, folder in folders.items()}, names
    return {ALL: list(_entries(src, images, names, images))}, names


def _entries(root: Path, place: Path, names: tuple[str, ...], base: Path) -> Iterator[Entry]:
    """Entries of a folder of images, or of a text file that lists them; their names begin at `base`."""
    if place.is_dir():
        images = list(image_stems(place).values())
    else:
        images = [existing(inside(root, line.removeprefix("./"), where), where) for where, line in read_lines(place)]
    for image in images:
        if image.suffix.lower() in IMAGE_SUFFIXES:
            yield partial(_read, image, image.relative_to(base).as_posix(), _labels_of(root, image), names)


def _labels_of(root: Path, image: Path) -> Path:
    """images/train/a.jpg -> labels/train/a.txt: the last folder called images below `root` changes; else beside the image."""
    parts = list(image.relative_to(root).with_suffix(".txt").parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return root.joinpath(*parts)


def _read(image: Path, name: str, labels: Path, names: tuple[str, ...]) -> LabelledImage:
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    if labels.is_file():
        for where, line in read_lines(labels):
            _add_row(found, line.split(), names, where)
    return found


def _add_row(found: LabelledImage, row: list[str], names: tuple[str, ...], where: str) -> None:
    if not row[0].isdecimal() or int(row[0]) >= len(names):
        raise UserError(f"{where}: class '{row[0]}'; the set has classes 0..{len(names) - 1}, mend the row")
    if len(row) != BOX_COLUMNS and (len(row) < 7 or len(row) % 2 == 0):
        raise UserError(f"{where}: {len(row)} columns; a box has {BOX_COLUMNS} (class cx cy w h), a polygon 7, 9, 11, ...")
    values = numbers(row[1:], where)
    if max(map(abs, values)) > 2:
        raise UserError(f"{where}: value {max(values, key=abs):g}; coordinates are shares of the image's size, 0..1")
    height, width = found.hw
    if len(row) == BOX_COLUMNS:
        cx, cy, w, h = values
        corners = [(cx - w / 2, cy - h / 2), (cx + w / 2, cy + h / 2)]
    else:
        corners = list(zip(values[::2], values[1::2]))
    x1, y1, x2, y2 = bounding_box(corners)
    found.add_box(names[int(row[0])], (x1 * width, y1 * height, x2 * width, y2 * height), where)


FORMAT = Format("yolo", "YOLO txt", LAYOUT, open_yolo)
