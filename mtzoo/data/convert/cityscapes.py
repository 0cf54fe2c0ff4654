"""Cityscapes: leftImg8bit images, gtFine polygons and label ids, by the layout of its published scripts.

Masks come from *_gtFine_labelIds.png where they are there, else they are drawn from the polygons; boxes are drawn around the
polygons. IDD has the same layout (see idd.py).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.convert.classes import TRAIN_CLASSES, common_class
from mtzoo.data.convert.drawing import bounding_box, draw_polygon
from mtzoo.data.convert.layout import existing, find_folder, image_stems, member, points, read_labels
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary, published
from mtzoo.data.images import read_mask, upright_hw
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

LAYOUT = "leftImg8bit/{train,val}/CITY/*_leftImg8bit.png and gtFine/{train,val}/CITY/*_gtFine_polygons.json"
IMAGE_ENDINGS = ("_leftImg8bit.png", "_leftImg8bit.jpg")
GROUP = "group"  # "cargroup": several that could not be told apart
UNPAINTED = "license plate"  # belongs to the vehicle it is drawn upon
INSTANCES = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle", "caravan", "trailer", "traffic light",
             "traffic sign")
TRAIN_ID_OF_LABEL_ID = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13,
                        27: 14, 28: 15, 31: 16, 32: 17, 33: 18}


def open_cityscapes(src: Path) -> SourceSet:
    """Raises UserError for missing folders, images without polygons."""
    table = np.full(256, IGNORE, np.uint8)
    for label_id, train_id in TRAIN_ID_OF_LABEL_ID.items():
        table[label_id] = train_id
    return open_polygons(src, INSTANCES, TRAIN_CLASSES, table)


def open_polygons(src: Path, instances: tuple[str, ...], seg: Mapping[str, str], label_ids: np.ndarray | None) -> SourceSet:
    """A set in the layout of Cityscapes.

    instances: labels that are boxed; seg: class -> class of seg_default, in the order of ids; label_ids: (256,) uint8, the
    values of labelIds.png -> ids, or None if such files are not to be used.
    """
    splits = {split: list(_entries(src, split, instances, tuple(seg), label_ids)) for split in ("train", "val")}
    boxes = {name: common_class(name) or name for name in instances}
    return SourceSet(splits, Vocabulary(boxes, instances, {"seg": seg}))


def _entries(src: Path, split: str, instances: tuple[str, ...], classes: tuple[str, ...],
             label_ids: np.ndarray | None) -> Iterator[Entry]:
    images = find_folder(src, (f"leftImg8bit/{split}",), LAYOUT)
    labels = find_folder(src, (f"gtFine/{split}",), LAYOUT)
    for stem, image in image_stems(images, IMAGE_ENDINGS).items():
        polygons = labels / f"{stem}_gtFine_polygons.json"
        mask = labels / f"{stem}_gtFine_labelIds.png"
        name = image.relative_to(images).as_posix()
        ids = label_ids if mask.is_file() else None
        yield Entry.of(_read, image, name, polygons, instances, classes, (mask, ids) if ids is not None else None)


def _read(image: Path, name: str, polygons: Path, instances: tuple[str, ...], classes: tuple[str, ...],
          id_mask: tuple[Path, np.ndarray] | None) -> LabelledImage:
    content = read_labels(existing(polygons, str(image)))
    hw = upright_hw(image)
    told = member(content, "imgHeight", int, str(polygons)), member(content, "imgWidth", int, str(polygons))
    if told != hw:
        raise UserError(f"{polygons}: imgHeight, imgWidth are {told[0]}, {told[1]}, the image is {hw[0]} x {hw[1]}; fix one of them")
    found = LabelledImage(image, name, hw, boxes=[], masks={"seg": np.full(hw, IGNORE, np.uint8)})
    for row, thing in enumerate(member(content, "objects", list, str(polygons))):
        where = f"{polygons}: objects[{row}]"
        label = member(thing, "label", str, where)
        corners = points(thing.get("polygon"), where)
        if thing.get("deleted"):
            continue
        kind = label.removesuffix(GROUP) if label.removesuffix(GROUP) in instances else label
        if not corners:
            found.lose(kind, "polygon without points", f"{where}: '{label}' has a polygon without points")
            continue
        if kind in instances:
            found.add_box(kind, bounding_box(corners), where, crowd=kind != label)
        if id_mask is None and label != UNPAINTED:
            draw_polygon(found.masks["seg"], corners, classes.index(kind) if kind in classes else IGNORE)
    if id_mask is not None:
        found.masks["seg"] = cv2.LUT(read_mask(id_mask[0]), id_mask[1])
    return found


FORMAT = Format("cityscapes", "Cityscapes", LAYOUT, published(open_cityscapes))
