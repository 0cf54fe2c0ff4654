"""YOLO: one text file for each image, "class cx cy w h" a row in shares of the image's size; rows of polygons and of poses, too.

The data set's YAML names the splits and classes (Ultralytics' layout); without one, classes.txt does and the folders are
images/{train,val} and labels/{train,val}. An image without a text file shows no object. Of a pose, the box is kept.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mtzoo.data.convert.layout import ALL, image_stems, inside, read_lines, read_text
from mtzoo.data.convert.listing import Listing, base_of, by_split, relative_folder
from mtzoo.data.convert.records import Entry, Format, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.surfaces import BACKGROUND, is_boxed, painted_classes
from mtzoo.data.convert.yolo_labels import (
    background_remarks,
    check_long_rows,
    find_label_files,
    has_polygons,
)
from mtzoo.data.convert.yolo_rows import read_yolo
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.errors import UserError, shown
from mtzoo.plain_yaml import parse_yaml

LAYOUT = "data.yaml (path, train, val, names), or classes.txt with images/ and labels/"
MOST_CLASSES = 10_000
NAME_LISTS = ("classes.txt", "obj.names")
KEYPOINTS, DIMS = "kpt_shape", (2, 3)  # x, y and, if there are three, visibility


@dataclass(frozen=True)
class _Place:
    """A folder of images, or a text file that lists them; their names in the converted set begin at `base`."""

    path: Path
    base: Path


@dataclass(frozen=True)
class _Described:
    """What the YAML, or the folders, say of a set. root: the folder of the YAML; places: split -> where its images are; keypoints:
    numbers that follow the box in a row, 0 for none, None where nobody says; file: the one that could; remarks: stale paths."""

    root: Path
    places: Mapping[str, list[_Place]]
    names: tuple[str, ...]
    keypoints: int | None
    file: str
    remarks: tuple[Remark, ...] = ()


def open_yolo(places: Places) -> SourceSet:
    """Raises UserError for a set without class names or without label files, for lists that leave the folder, and for rows that could
    be two things."""
    src = places.src
    described = [places.annotations] if places.annotations else yolo_yamls(src, places.labels)
    if len(described) > 1:
        names = ", ".join(path.relative_to(src).as_posix() for path in described)
        raise UserError(f"{src}: {len(described)} YAML files ({names}); leave the data set's own")
    found = _from_yaml(src, described[0]) if described else _from_folders(src)
    images = {split: [(image, place.base) for place in split_places for image in _images(src, place.path)]
              for split, split_places in found.places.items()}
    labels: dict[Path, Path] = {}
    remarks = list(found.remarks)
    for split in images.values():
        paths = [image for image, _ in split]
        if paths:
            labels |= find_label_files(src, paths, found.root, places.labels)
            remarks += background_remarks(paths, labels)
    if found.keypoints is None:
        check_long_rows(labels.values(), found.file)
    painted = not found.keypoints and has_polygons(labels.values())
    names = tuple(name for name in found.names if name)
    boxed = tuple(name for name in names if is_boxed(name)) if painted else names
    masks = {"seg": painted_classes((BACKGROUND, *names))} if painted else {}
    splits: dict[str, list[Entry]] = {
        split: [Entry.of(read_yolo, image, image.relative_to(base).as_posix(), labels.get(image), found.names, found.keypoints or 0,
                         painted) for image, base in pairs] for split, pairs in images.items()}
    return SourceSet(splits, Vocabulary(labelled=boxed, masks=masks), remarks)


def yolo_yamls(src: Path, labels: Path | None = None) -> list[Path]:
    """The YAML that describes a set: in `src`; else those further below that name classes, of several the one beside the label files.

    labels: the folder of the label files, if the user names it.
    """
    found = sorted(path for suffix in ("*.yaml", "*.yml") for path in src.glob(suffix))
    if found:
        return found
    below = [src / path for path in Listing(src).of(".yaml", ".yml")]
    named = [path for path in below if isinstance(content := parse_yaml(read_text(path), path), Mapping) and "names" in content]
    if labels is not None:
        beside = [path for path in named if (src / relative_folder(labels, src)).is_relative_to(path.parent)]
        return beside or named
    return named


def _from_yaml(src: Path, path: Path) -> _Described:
    content = parse_yaml(read_text(path), path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: no mapping; expected keys 'train', 'val' and 'names'")
    names = _names(content.get("names", content.get("classes")), path)
    root = _root(path.parent, content.get("path"))
    places: dict[str, list[_Place]] = {}
    remarks: list[Remark] = []
    for split in ("train", "val"):
        listed = content.get(split) or []
        if isinstance(listed, Mapping):  # a YAML of masks, of which only the classes count
            continue
        found = [place for text in (listed if isinstance(listed, list) else [listed])
                 if (place := _place(src, root, text, path, remarks))]
        base = found[0] if len(found) == 1 and found[0].is_dir() else src
        if found:
            places[split] = [_Place(place, base) for place in found]
    if not any(isinstance(content.get(split), str | list) for split in ("train", "val")):
        places = _split_folders(src)
    if not places:
        stale = f"; {remarks[0].line}" if remarks else ""
        raise UserError(f"{path}: 'train' and 'val' do not exist{stale}; name their folders of images or lists, relative to --data")
    if len(places) == 1:
        places = {ALL: next(iter(places.values()))}
    return _Described(path.parent, places, names, _keypoints(content, path), path.name, tuple(remarks))


def _split_folders(src: Path) -> dict[str, list[_Place]]:
    """Where the images of each split are, by what their folders are called."""
    splits, _ = by_split(Listing(src).images)
    bases = {split: src / base_of(images) for split, images in splits.items() if images}
    if any(a != b and bases[a].is_relative_to(bases[b]) for a in bases for b in bases):
        bases = {ALL: src}
    return {split: [_Place(base, base)] for split, base in bases.items()}


def _keypoints(content: Mapping[Any, Any], path: Path) -> int | None:
    """Numbers that follow the box: n * d of kpt_shape: [n, d]."""
    if KEYPOINTS not in content:
        return None
    shape = content[KEYPOINTS]
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or {type(v) for v in shape} != {int} or shape[0] < 1 or shape[1] not in DIMS:
        raise UserError(f"{path}: {KEYPOINTS}={shown(shape)}; expected [number of keypoints, 2 or 3], or null for polygons")
    return shape[0] * shape[1]


def _names(value: Any, path: Path) -> tuple[str, ...]:
    """Class names by id: a list, or a mapping {0: name, ...}; "" for ids that it leaves out."""
    if isinstance(value, Mapping) and value and all(type(key) is int and 0 <= key < MOST_CLASSES for key in value):
        value = [value.get(k, "") for k in range(max(value) + 1)]
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: names={shown(value)}; expected a list of class names, or a mapping from 0 on")
    return tuple(str(name) for name in value)


def _root(folder: Path, given: Any) -> Path:
    """`path` of the YAML where that is a folder below its own; else its own: it often tells where the author kept the set."""
    if isinstance(given, str) and os.path.isdir(folder / given) and (folder / given).resolve().is_relative_to(folder.resolve()):
        return folder / given
    return folder


def _place(src: Path, root: Path, text: Any, path: Path, remarks: list[Remark]) -> Path | None:
    """A split's folder or list. Some exports write "../train/images" for what is beside the YAML, others where it lay at home: then
    its last folders are sought below the YAML's folder and `src`. None if they are not there; what is stale is told in `remarks`."""
    if not isinstance(text, str) or not text:
        raise UserError(f"{path}: path {shown(text)} is not text; write a folder of images")
    parts = [part for part in PurePosixPath(PureWindowsPath(text).as_posix()).parts if part != "."]
    home = bool(parts) and (parts[0].startswith("/") or parts[0].endswith((":", ":/")))
    parts = parts[1:] if home else parts
    while parts and parts[0] == "..":
        parts = parts[1:]
    wanted = inside(root, "/".join(parts), str(path)) if parts else root  # "." is the folder of the YAML
    least = 1 if home else 2  # of more than one folder: "images" could be any
    ends = [parts[k:] for k in range(max(len(parts) - least + 1, 1))]
    found = next((folder.joinpath(*end) for end in ends for folder in dict.fromkeys((root, src))
                  if os.path.exists(folder.joinpath(*end))), None)
    if found is None:
        remarks.append(Remark("", "part of the set that is not there", f"{path}: '{text}': no such folder or list in {src}"))
    elif home or found != wanted:
        line = f"{path}: '{text}' is stale; read as {found}"
        remarks.append(Remark("", "stale path, found below --data", line, "mended"))
    return found


def _from_folders(src: Path) -> _Described:
    lists = [path for path in Listing(src).of(".txt", ".names") if path.name in NAME_LISTS]
    if not lists:
        raise UserError(f"{src}: no class names; --data must contain {LAYOUT}")
    names = tuple(line for _, line in read_lines(src / lists[0]))
    images = src / "images"
    if not images.is_dir():
        return _Described(src, {ALL: [_Place(src, src)]}, names, None, "a data.yaml")
    places = {split: [_Place(images / split, images / split)] for split in ("train", "val") if (images / split).is_dir()}
    return _Described(src, places if "train" in places else {ALL: [_Place(images, images)]}, names, None, "a data.yaml")


def _images(root: Path, place: Path) -> Iterator[Path]:
    """The images of a folder, or those that a text file lists."""
    if place.is_dir():
        yield from image_stems(place).values()
        return
    for where, line in read_lines(place):
        image = inside(root, line.removeprefix("./"), where)
        if image.suffix.lower() in IMAGE_SUFFIXES:
            yield image


FORMAT = Format("yolo", "YOLO txt", LAYOUT, open_yolo, ("annotations", "labels"))
