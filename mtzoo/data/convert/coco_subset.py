"""COCO: the part of a COCO data set that shows roads' objects.

Takes annotations/instances_{train,val}*.json with their image folders, Roboflow's {train,valid}/_annotations.coco.json, and
{train,val}/boxes.json with images/. A single annotation that is wrong becomes an ignore region, and is told; where nobody knows its
place, the image says nothing of its category.
"""

from functools import partial
from pathlib import Path

from mtzoo.data.coco import CocoImage, load_coco
from mtzoo.data.convert.layout import ALL, existing
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Remark, SourceSet, Vocabulary
from mtzoo.data.images import image_size_problem, upright_hw
from mtzoo.data.sources import IGNORE_CATEGORY
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
    remarks: list[Remark] = []
    for split, (path, images) in files.items():
        coco = load_coco(path)
        categories |= dict.fromkeys(coco.categories.values())
        lost = {unread.line for image in coco.images.values() for unread in image.unread}
        remarks += [Remark("", "annotation of no image, or no entry", line) for line in map(str, coco.faults) if line not in lost]
        splits[split] = [partial(_read, existing(images / image.file, str(path)), image, coco.categories)
                         for image in coco.images.values()]
    return SourceSet(splits if "train" in splits else {ALL: splits["val"]}, Vocabulary(labelled=tuple(categories)), remarks)


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


def _read(path: Path, image: CocoImage, categories: dict[int, str]) -> LabelledImage:
    """What is wrong with an annotation is an ignore region where its place is known."""
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


FORMAT = Format("coco", "COCO subset", LAYOUT, open_coco, roads_only=True)
