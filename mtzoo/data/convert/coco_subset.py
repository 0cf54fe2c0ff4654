"""COCO: the part of a COCO data set that shows roads' objects.

Takes annotations/instances_{train,val}*.json with their image folders, Roboflow's {train,valid}/_annotations.coco.json, and
{train,val}/boxes.json with images/. What is wrong with single annotations is left out and told.
"""

from functools import partial
from pathlib import Path

from mtzoo.data.coco import CocoImage, load_coco
from mtzoo.data.convert.layout import ALL, existing
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary
from mtzoo.errors import UserError

LAYOUT = "annotations/instances_{train,val}*.json with {train,val}*/, or {train,val}/_annotations.coco.json or boxes.json"
SPLIT_NAMES = {"train": ("train",), "val": ("val", "valid")}


def open_coco(src: Path) -> SourceSet:
    """Raises UserError if no annotation file is found, for an image that is missing."""
    files = {split: found for split, names in SPLIT_NAMES.items() if (found := _find(src, names))}
    if not files:
        raise UserError(f"{src}: no COCO annotation file; --src has to hold {LAYOUT}")
    splits: dict[str, list[Entry]] = {}
    categories: dict[str, None] = {}
    for split, (path, images) in files.items():
        coco = load_coco(path)
        categories |= dict.fromkeys(coco.categories.values())
        left_out = [str(fault) for fault in coco.faults]
        splits[split] = [partial(_read, existing(images / image.file, str(path)), image, coco.categories, left_out if not row else [])
                         for row, image in enumerate(coco.images.values())]
    return SourceSet(splits if "train" in splits else {ALL: splits["val"]}, Vocabulary(labelled=tuple(categories)))


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


def _read(path: Path, image: CocoImage, categories: dict[int, str], left_out: list[str]) -> LabelledImage:
    found = LabelledImage(path, image.file, image.hw, boxes=[], left_out=list(left_out))
    for category, x, y, w, h, crowd in image.boxes:
        found.add_box(categories[category], (x, y, x + w, y + h), str(path), crowd)
    return found


FORMAT = Format("coco", "COCO subset", LAYOUT, open_coco, roads_only=True)
