"""YOLO: one text file for each image, "class cx cy w h" a row in shares of the image's size; rows of polygons and of poses, too.

The data set's YAML names the splits and classes (Ultralytics' layout); without one, classes.txt does and the folders are
images/{train,val} and labels/{train,val}. An image without a text file shows no object. Of a pose, the box is kept.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtzoo.data.convert.layout import ALL, image_stems, inside, read_lines, read_text
from mtzoo.data.convert.listing import Listing, base_of, by_split, nearest_above
from mtzoo.data.convert.records import Entry, Format, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.stale_paths import found_below, path_parts, stale
from mtzoo.data.convert.surfaces import BACKGROUND, is_boxed, painted_classes
from mtzoo.data.convert.yolo_labels import (
    background_remarks,
    check_long_rows,
    find_label_files,
    has_polygons,
)
from mtzoo.data.convert.yolo_names import (
    LAYOUT,
    check_named,
    foreign_names,
    list_names,
    names_beside,
    yolo_yamls,
)
from mtzoo.data.convert.yolo_rows import read_yolo
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.names import is_absolute
from mtzoo.errors import UserError, shown
from mtzoo.plain_yaml import YAML_SUFFIXES, parse_yaml
from mtzoo.structures import IGNORE

MOST_CLASSES = 10_000
KEYPOINTS, DIMS = "kpt_shape", (2, 3)  # x, y and, if there are three, visibility


@dataclass(frozen=True)
class _Place:
    """A folder of images, or a text file that lists them; their names in the converted set begin at `base`."""

    path: Path
    base: Path


@dataclass(frozen=True)
class _Described:
    """What the YAML, or the folders, say of a set. root: the folder of the YAML; places: split -> where its images are; names: by class
    id, None where lists beside the label files say them; keypoints: numbers that follow the box in a row, 0 for none, None where nobody
    says; file: the one that could; remarks: stale paths; sure: it says itself where the images are, and they are there."""

    root: Path
    places: Mapping[str, list[_Place]]
    names: tuple[str, ...] | None = None
    keypoints: int | None = None
    file: str = "a data.yaml"
    remarks: tuple[Remark, ...] = ()
    sure: bool = True


def open_yolo(places: Places) -> SourceSet:
    """Raises UserError for a set without class names or without label files, for lists that leave the folder, and for rows that could
    be two things."""
    src = places.src
    given = places.annotations
    described = [given] if given and given.suffix.lower() in YAML_SUFFIXES else [] if given else yolo_yamls(src, places.labels)
    if len(described) > 1:
        names = ", ".join(path.relative_to(src).as_posix() for path in described)
        raise UserError(f"{src}: {len(described)} YAML files ({names}); name one: --annotations FILE")
    if not described and not given:
        check_named(src)
    found = _from_yaml(src, described[0]) if described else _from_folders(src)
    remarks = list(found.remarks)
    images = {split: [(image, place.base) for place in split_places for image in _images(src, found.root, place.path, remarks)]
              for split, split_places in found.places.items()}
    labels: dict[Path, Path] = {}
    for split in images.values():
        paths = [image for image, _ in split]
        if paths:
            labels |= find_label_files(src, paths, found.root, places.labels)
            remarks += background_remarks(paths, labels)
    named = found.names or (list_names(given) if given else names_beside(src, labels.values()))
    if not given and described and not found.sure and not nearest_above(described, labels.values()):
        raise UserError(foreign_names(src, described, labels.values()))
    if found.keypoints is None:
        check_long_rows(labels.values(), found.file)
    names = tuple(name for name in named if name)
    painted, notes = (), []
    if not found.keypoints and has_polygons(labels.values()):
        painted, notes = _painted(names)
    boxed = tuple(name for name in names if is_boxed(name)) if painted else names
    masks = {"seg": painted_classes(painted)} if painted else {}
    splits: dict[str, list[Entry]] = {
        split: [Entry.of(read_yolo, image, image.relative_to(base).as_posix(), labels.get(image), named, found.keypoints or 0,
                         painted) for image, base in pairs] for split, pairs in images.items()}
    return SourceSet(splits, Vocabulary(labelled=boxed, masks=masks), remarks, notes)


def _painted(names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The classes of the seg masks that polygons make, by id, each name once; none, and a note, where there are too many."""
    classes = tuple(dict.fromkeys((BACKGROUND, *names)))
    if len(classes) <= IGNORE:
        return classes, []
    return (), [f"polygons are read as boxes alone: there are {len(classes) - 1} classes, and a PNG mask holds {IGNORE - 1} and the "
                "background; for masks, take classes out of the set"]


def _from_yaml(src: Path, path: Path) -> _Described:
    content = parse_yaml(read_text(path), path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: no mapping; expected keys 'train', 'val' and 'names'")
    names = _names(content.get("names", content.get("classes")), path)
    root = _root(path.parent, content.get("path"))
    places: dict[str, list[_Place]] = {}
    remarks: list[Remark] = []
    for split in ("train", "val"):
        value = content.get(split) or []
        if isinstance(value, Mapping):  # a YAML of masks, of which only the classes count
            continue
        found = [place for text in (value if isinstance(value, list) else [value])
                 if (place := _place(src, root, text, path, remarks))]
        base = found[0] if len(found) == 1 and found[0].is_dir() else src
        if found:
            places[split] = [_Place(place, base) for place in found]
    listed = any(isinstance(content.get(split), str | list) for split in ("train", "val"))
    if not listed:
        places = _split_folders(src)
    if not places:
        stale = f"; {remarks[0].line}" if remarks else ""
        raise UserError(f"{path}: 'train' and 'val' do not exist{stale}; name their folders of images or lists, relative to --data")
    if len(places) == 1:
        places = {ALL: next(iter(places.values()))}
    return _Described(path.parent, places, names, _keypoints(content, path), path.name, tuple(remarks), listed and not remarks)


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
    """Class names by id: a list, or a mapping {0: name, ...}; "" for ids that it leaves out or that are null."""
    if isinstance(value, Mapping) and value and all(type(key) is int and 0 <= key < MOST_CLASSES for key in value):
        value = [value.get(k, "") for k in range(max(value) + 1)]
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: names={shown(value)}; expected a list of class names, or a mapping from 0 on")
    return tuple("" if name is None else str(name) for name in value)


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
    home, parts = is_absolute(text), path_parts(text)
    while parts and parts[0] == "..":
        parts = parts[1:]
    wanted = inside(root, "/".join(parts), str(path)) if parts else root  # "." is the folder of the YAML
    found = found_below(parts, (root, src), least=1 if home else 2)  # of more than one folder: "images" could be any
    if found is None:
        remarks.append(Remark("", "part of the set that is not there", f"{path}: '{text}': no such folder or list in {src}"))
    elif home or found != wanted:
        remarks.append(stale(str(path), text, found))
    return found


def _from_folders(src: Path) -> _Described:
    images = src / "images"
    if not images.is_dir():
        return _Described(src, {ALL: [_Place(src, src)]})
    places = {split: [_Place(images / split, images / split)] for split in ("train", "val") if (images / split).is_dir()}
    return _Described(src, places if "train" in places else {ALL: [_Place(images, images)]})


def _images(src: Path, root: Path, place: Path, remarks: list[Remark]) -> Iterator[Path]:
    """The images of a folder, or those that a text file lists, relative to `src`, to the YAML's folder `root` or to the file. What lay
    elsewhere at home is sought as in `_place`, and told in `remarks`."""
    if place.is_dir():
        masks = Listing(place).mask_like
        yield from (image for image in image_stems(place).values() if image.relative_to(place) not in masks)
        return
    folders = dict.fromkeys(folder for folder in (src, root, place.parent) if folder.is_relative_to(src))
    for where, line in read_lines(place):
        if Path(line).suffix.lower() not in IMAGE_SUFFIXES:
            continue
        home, parts = is_absolute(line), path_parts(line)
        wanted = None if home else inside(src, line.removeprefix("./"), where)
        found = found_below(parts, folders, least=1 if home else len(parts))
        if found is not None and home:
            remarks.append(stale(where, line, found))
        elif found is None and home:
            remarks.append(Remark("", "listed image that is not there", f"{where}: '{line}': no such image in {src}"))
        if image := found or wanted:
            yield image


FORMAT = Format("yolo", "YOLO txt", LAYOUT, open_yolo, ("annotations", "labels"))
