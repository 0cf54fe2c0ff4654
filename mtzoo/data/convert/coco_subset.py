"""COCO: of COCO itself the part that shows roads' objects; any other set in its format as a whole.

Takes annotations/instances_{train,val}*.json with their image folders, Roboflow's {train,valid}/_annotations.coco.json,
{train,val}/boxes.json with images/, and else any COCO files: what they are called, or their folder, makes the split. A single
annotation that is wrong becomes an ignore region, and is told; where nobody knows its place, the image says nothing of its category.
"""

import mmap
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mtzoo.data.coco import CocoImage, load_coco
from mtzoo.data.convert.classes import plain_name
from mtzoo.data.convert.layout import ALL, existing
from mtzoo.data.convert.listing import TEST, Listing, split_of
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.stale_paths import found_below, path_parts, stale
from mtzoo.data.images import image_size_problem, upright_hw
from mtzoo.data.names import is_absolute
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError

LAYOUT = "annotations/instances_{train,val}*.json with {train,val}*/, or {train,val}/_annotations.coco.json or boxes.json, or one " \
         "COCO file for each split and the images below"
SPLIT_NAMES = {"train": ("train",), "val": ("val", "valid")}
IMAGE_FOLDERS = ("", "images", "JPEGImages", "data", "imgs")
"""Beside an annotation file."""
HOUSEHOLD = ("hair drier", "toothbrush")
"""Categories of COCO itself, of whose images most show no road; another set in its format is converted whole."""
KEYS = (b'"images"', b'"annotations"', b'"categories"')


def coco_files(listing: Listing) -> list[Path]:
    """The JSON files that have COCO's three lists."""
    return [path for path in listing.of(".json") if _is_coco(listing.src / path)]


def _is_coco(path: Path) -> bool:
    if path.stat().st_size == 0:
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in KEYS)


def open_coco(places: Places) -> SourceSet:
    """Raises UserError if no annotation file is found, and for one of which no image can be read."""
    files = _files(places)
    splits: dict[str, list[Entry]] = {}
    categories: dict[str, None] = {}
    remarks: list[Remark] = []
    for split, (path, images) in files.items():
        coco = load_coco(path, absolute_names=True)
        used = {category for image in coco.images.values() for category, *_ in image.boxes}
        categories |= {name: None for number, name in coco.categories.items() if number in used or plain_name(name) != "background"}
        lost = {unread.line for image in coco.images.values() for unread in image.unread}
        remarks += [Remark("", "annotation of no image, or no entry", line) for line in map(str, coco.faults) if line not in lost]
        if not coco.images:
            raise UserError(f"{coco.faults[0]}; no image of the file is left" if coco.faults else
                            f"{path}: no image in it; give a COCO annotation file with images")
        names = [image.file for image in coco.images.values()]
        if images is not None:
            _check_images(images, path, names)
        folder = images or _images_of(path, places.src, names)
        splits[split] = [Entry.of(_read, folder / image.file, image, coco.categories, str(path))
                         for image in _lying_in(folder, coco.images.values(), path, remarks)]
    whole = splits if "train" in splits else {ALL: next(iter(splits.values()))}
    return SourceSet(whole, Vocabulary(labelled=tuple(categories)), remarks, roads_only=all(name in categories for name in HOUSEHOLD))


def _files(places: Places) -> dict[str, tuple[Path, Path | None]]:
    """split -> (annotation file, folder of its images, None if it is still to be found)."""
    if places.annotations is not None:
        return {ALL: (places.annotations, places.images)}
    files: dict[str, tuple[Path, Path | None]] = {split: found for split, names in SPLIT_NAMES.items()
                                                  if (found := _find(places.src, names))}
    if files and places.images is None:
        return files
    found: dict[str, list[Path]] = defaultdict(list)
    for path in coco_files(Listing(places.src)):
        found[split_of(path.with_suffix(""))].append(path)
    if len(found) > 1:
        found.pop(TEST, None)
    for split, paths in found.items():
        if len(paths) > 1:
            raise UserError(f"{places.src}: {len(paths)} COCO files of one split ({split}): {', '.join(map(str, paths))}; name one: "
                            "--annotations FILE --images DIR")
    if not found:
        raise UserError(f"{places.src}: no COCO annotation file; --data must contain {LAYOUT}, or name it: --annotations FILE --images "
                        "DIR")
    if ALL in found and len(found) > 1:
        names = ", ".join(str(path) for paths in found.values() for path in paths)
        raise UserError(f"{places.src}: {names}: not all of these say which split they are; name one: --annotations FILE --images DIR")
    return {split: (places.src / paths[0], places.images) for split, paths in found.items()}


def _find(src: Path, names: tuple[str, ...]) -> tuple[Path, Path] | None:
    """(annotation file, folder of images) of a split."""
    for name in names:
        for path in sorted((src / "annotations").glob(f"instances_{name}*.json")):
            folder = path.stem.removeprefix("instances_")
            places = (src / folder, src / "images" / folder, src / name, src / "images" / name)
            images = next((place for place in places if place.is_dir()), None)
            if images is None:
                raise UserError(f"{path}: no folder {places[0]} with its images; restore it")
            return path, images
        for path, images in ((src / name / "_annotations.coco.json", src / name), (src / name / "boxes.json", src / name / "images")):
            if path.is_file():
                return path, images
    return None


def _images_of(path: Path, src: Path, files: list[str]) -> Path:
    """The folder that an annotation file's names are relative to: beside the file, or any in `src`, the nearest first."""
    first = next((file for file in files if not is_absolute(file)), files[0])
    parts = tuple(path_parts(first))
    listing = Listing(src)
    for end in [parts[k:] for k in range(len(parts) if is_absolute(first) else 1)]:
        for name in IMAGE_FOLDERS:
            if path.parent.joinpath(name, *end).is_file():
                return path.parent / name
        folders = set(_holding(listing, end))
        if folders:
            nearest = sorted(folders, key=lambda folder: (-len([1 for a, b in zip(folder.parts, path.parts) if a == b]), str(folder)))
            return next((folder for folder in nearest if all(_name_in(folder, file) for file in files)), nearest[0])
    raise UserError(f"{path}: no image {first} anywhere in {src}; name the folder of the images with --images DIR")


def _holding(listing: Listing, parts: tuple[str, ...]) -> list[Path]:
    """The folders below which an image of this relative path lies, `parts`."""
    return [listing.src.joinpath(*image.parts[:-len(parts)]) for image in listing.images if image.parts[-len(parts):] == parts]


def _name_in(folder: Path, file: str) -> str | None:
    """The image's name relative to a folder, of an absolute one the longest end that is there; None if there is no such file."""
    found = found_below(path_parts(file), (folder,), least=1) if is_absolute(file) else folder / file
    return found.relative_to(folder).as_posix() if found is not None and os.path.isfile(found) else None


def _lying_in(folder: Path, images: Iterable[CocoImage], where: Path, remarks: list[Remark]) -> Iterator[CocoImage]:
    """The images with their names relative to the folder. Absolute names are those of the machine where the file was made: what they
    have become is told in `remarks`. An image of such a name that is not there, or that other names lead to as well, is left out."""
    images = list(images)
    names = {image.file: _name_in(folder, image.file) if is_absolute(image.file) else image.file for image in images}
    taken = Counter(names.values())
    for image in images:
        name = names[image.file]
        if name == image.file:
            yield image
        elif name is None:
            remarks.append(Remark("", "listed image that is not there", f"{where}: '{image.file}': no such image in {folder}"))
        elif taken[name] > 1:
            remarks.append(Remark("", "several names of one image", f"{where}: '{image.file}': of its folders {folder} has none, and "
                                  f"{name} there may be that of another entry; put the images into these folders"))
        else:
            remarks.append(stale(str(where), image.file, folder / name))
            yield replace(image, file=name)


def _check_images(folder: Path, path: Path, files: Sequence[str]) -> None:
    """Raises UserError if the folder that the user names holds none of the file's images, but one in it or around it does."""
    names = [file for file in files if not is_absolute(file)]
    if not names or any((folder / name).is_file() for name in names):
        return
    below = _holding(Listing(folder), Path(names[0]).parts)
    holding = next((place for place in [*below, *list(folder.absolute().parents)[:2]] if (place / names[0]).is_file()), None)
    if holding is not None:
        raise UserError(f"--images {folder}: {names[0]}, which {path} names, does not lie there but in {holding}: --images {holding}")


def _read(path: Path, image: CocoImage, categories: dict[int, str], where: str) -> LabelledImage:
    """What is wrong with an annotation is an ignore region where its place is known. where: the annotation file."""
    existing(path, where)
    found = LabelledImage(path, image.file, image.hw, boxes=[], unknown={categories[k] for k in image.unknown if k in categories})
    if (hw := upright_hw(path)) != image.hw:
        line = f"{path}: {image_size_problem(path, hw, image.hw)}"
        return LabelledImage(path, image.file, hw, remarks=[Remark("", "size of the image is not its annotations'", line)])
    for category, x, y, w, h, crowd in image.boxes:
        found.add_box(categories[category], (x, y, x + w, y + h), str(path), crowd)
    for unread in image.unread:
        name = categories.get(unread.category, IGNORE_CATEGORY)
        if unread.xyxy is None:
            found.lose(name, "no box that can be read", unread.line)
            continue
        if not unread.sure and unread.xyxy[2] != unread.xyxy[0] and unread.xyxy[3] != unread.xyxy[1]:  # else it is told below
            found.remarks.append(Remark(name, "cannot be read", unread.line, "ignored"))
        found.add_box(name, unread.xyxy, unread.line, crowd=unread.crowd or not unread.sure)
    return found


FORMAT = Format("coco", "COCO subset", LAYOUT, open_coco, ("annotations", "images"))
