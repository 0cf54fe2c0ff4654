"""Predictions written as a data set of a common format, images linked beside them: to be corrected in a labelling tool, and read again
by `mtzoo data convert --data`. Classes of whole images are tags in CVAT, flags in LabelMe, and a CSV file beside other formats."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import cv2
import numpy as np
import yaml

from mtzoo.data.tag_names import FILE, tag_name
from mtzoo.errors import UserError
from mtzoo.files import cannot_write, write_whole
from mtzoo.strict_json import strict_json
from mtzoo.structures import Xyxy

ADVICE = "choose another --out"
IMAGES, MASKS, CSV = "images", "masks", "csv"
TAGGING = ("cvat", "labelme")
"""Forms that hold classes of whole images themselves."""
Files = dict[str, bytes]
"""Relative path -> content."""


@dataclass(frozen=True)
class SavedImage:
    """name: relative, with "/"; hw: height and width in pixels; boxes: (class, xyxy in pixels, score); image_labels: (task, class of
    the whole image, score)."""

    name: str
    hw: tuple[int, int]
    boxes: Sequence[tuple[str, Xyxy, float]]
    image_labels: Sequence[tuple[str, str, float]] = ()

    @property
    def stem(self) -> str:
        return str(Path(self.name).with_suffix(""))

    @property
    def tags(self) -> list[str]:
        """The classes of the whole image as labelling tools call them."""
        return [tag_name(task, name) for task, name, _ in self.image_labels]

    @property
    def up(self) -> str:
        """From the folder of its label file to that of the images."""
        return "../" * (len(Path(self.name).parts) - 1) + "../" + IMAGES


@dataclass(frozen=True)
class ClassNames:
    """Of boxes, and of whole images, these as labelling tools call them."""

    boxes: Sequence[str]
    tags: Sequence[str]


class SavedLabels:
    """A data set that grows image by image in `root`; `close` writes what is written at the end. classes: task -> names."""

    def __init__(self, root: Path, form: str, classes: Mapping[str, Sequence[str]]) -> None:
        self.root, self.form, self.classes = root, form, classes
        self._maps: list[str] = []
        self._detecting: list[str] = []
        self._images: list[SavedImage] = []

    def add(self, path: Path, image: SavedImage, maps: Mapping[str, np.ndarray], detecting: Iterable[str]) -> None:
        """Link the image file `path`, remember its boxes and classes, or write its maps.

        maps: segmentation task -> (H, W) uint8 of class ids; detecting: tasks that give boxes.

        Raises UserError where the model gives nothing that the format holds.
        """
        self._maps, self._detecting = list(maps), list(detecting)
        self._check_form(bool(image.image_labels))
        target = self.root / IMAGES / image.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(path.resolve())
        except OSError as error:
            raise cannot_write(target, error, ADVICE) from error
        self._images.append(image)
        for task in self._maps if self.form == MASKS else ():
            write_whole(self.root / self._folder(task) / f"{image.stem}.png", cv2.imencode(".png", maps[task])[1].tobytes(), ADVICE)

    def _check_form(self, classifies: bool) -> None:
        """classifies: whether the model gives classes of whole images. Raises UserError if the model has nothing that the format is
        for."""
        given = {"coco": bool(self._detecting), MASKS: bool(self._maps), CSV: classifies}
        what = {MASKS: "label map", CSV: "class of the whole image"}.get(self.form, "box")
        if not given.get(self.form, given["coco"]) and not (classifies and self.form in TAGGING):
            other = next((form for form, held in given.items() if held), None)
            do = f"take --save-labels {other}" if other else "its answers are in results.json"
            raise UserError(f"--save-labels {self.form}: the model has no {what}; {do}")

    @property
    def table(self) -> Path | None:
        """The CSV file with the classes of whole images, None where the model gives none, or the form holds them."""
        tabled = self.form not in TAGGING and any(image.image_labels for image in self._images)
        return self.root / FILE if tabled else None

    def close(self) -> None:
        """Write the label files of all images, if there is one."""
        if not self._images:
            return
        files = csv_files(self._images) if self.table is not None else {}
        if self.form == MASKS:
            files |= {f"{self._folder(task)}/classes.yaml": _yaml({"classes": dict(enumerate(self.classes[task]))})
                      for task in self._maps}
        elif self.form != CSV:
            files |= WRITERS[self.form](self._images, self._names())
        for name, content in files.items():
            write_whole(self.root / name, content, ADVICE)

    def _folder(self, task: str) -> str:
        return MASKS if len(self._maps) == 1 else f"{MASKS}_{task}"

    def _names(self) -> ClassNames:
        """Classes of the tasks that give boxes, each name once, and of those that give classes of whole images."""
        boxed = dict.fromkeys(name for task in self._detecting for name in self.classes[task])
        classifying = dict.fromkeys(task for image in self._images for task, _, _ in image.image_labels)
        return ClassNames(list(boxed), [tag_name(task, name) for task in classifying for name in self.classes[task]])


def coco_files(images: Sequence[SavedImage], names: ClassNames) -> Files:
    """One JSON file."""
    return {"labels.json": strict_json(coco_values(images, names.boxes)).encode()}


def coco_values(images: Sequence[SavedImage], classes: Sequence[str]) -> dict[str, Any]:
    """COCO's plain data; `score` as in its results."""
    ids = {name: number for number, name in enumerate(classes, start=1)}
    rows: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        for name, (x1, y1, x2, y2), score in image.boxes:
            w, h = round(x2 - x1, 2), round(y2 - y1, 2)
            rows.append({"id": len(rows) + 1, "image_id": number, "category_id": ids[name], "bbox": [round(x1, 2), round(y1, 2), w, h],
                         "area": round(w * h, 2), "iscrowd": 0, "score": round(score, 4)})
    entries = [{"id": k, "file_name": image.name, "height": image.hw[0], "width": image.hw[1]} for k, image in enumerate(images, 1)]
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    return {"images": entries, "annotations": rows, "categories": categories}


def csv_files(images: Sequence[SavedImage]) -> Files:
    """The classes of whole images: a row for each image and task; no file where there are none."""
    rows = [(image.name, task, name, f"{score:.4f}") for image in images for task, name, score in image.image_labels]
    if not rows:
        return {}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("image", "task", "class", "score"), *rows])
    return {FILE: text.getvalue().encode()}


def yolo_files(images: Sequence[SavedImage], names: ClassNames) -> Files:
    """data.yaml, and a text file for each image, empty for one without boxes."""
    files = {"data.yaml": _yaml({"path": ".", "train": IMAGES, "names": list(names.boxes)})}
    for image in images:
        height, width = image.hw
        rows = [f"{names.boxes.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} {(x2 - x1) / width:.6f} "
                f"{(y2 - y1) / height:.6f}\n" for name, (x1, y1, x2, y2), _ in image.boxes]
        files[f"labels/{image.stem}.txt"] = "".join(rows).encode()
    return files


def voc_files(images: Sequence[SavedImage], names: ClassNames) -> Files:
    """An XML for each image; corners are 1-based and inclusive."""
    files = {}
    for image in images:
        root = Element("annotation")
        SubElement(root, "filename").text = image.name
        size = SubElement(root, "size")
        for key, value in (("width", image.hw[1]), ("height", image.hw[0]), ("depth", 3)):
            SubElement(size, key).text = str(value)
        for name, (x1, y1, x2, y2), _ in image.boxes:
            thing = SubElement(root, "object")
            SubElement(thing, "name").text = name
            SubElement(thing, "difficult").text = "0"
            box = SubElement(thing, "bndbox")
            for key, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
                SubElement(box, key).text = f"{value:.2f}"
        files[f"Annotations/{image.stem}.xml"] = _xml(root)
    return files


def cvat_files(images: Sequence[SavedImage], names: ClassNames) -> Files:
    """CVAT for images 1.1: one XML."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name, kind in [*((name, "any") for name in names.boxes), *((name, "tag") for name in names.tags)]:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = kind
    for number, image in enumerate(images):
        entry = SubElement(root, "image", id=str(number), name=image.name, width=str(image.hw[1]), height=str(image.hw[0]))
        for name, xyxy, _ in image.boxes:
            corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), (f"{value:.2f}" for value in xyxy)))
            SubElement(entry, "box", {"label": name, "occluded": "0", "source": "auto", **corners})
        for tag in image.tags:
            SubElement(entry, "tag", label=tag, source="auto")
    return {"annotations.xml": _xml(root)}


def labelme_files(images: Sequence[SavedImage], names: ClassNames) -> Files:
    """A JSON for each image."""
    files = {}
    for image in images:
        shapes = [{"label": name, "points": [[round(x1, 2), round(y1, 2)], [round(x2, 2), round(y2, 2)]], "group_id": None,
                   "shape_type": "rectangle", "flags": {}} for name, (x1, y1, x2, y2), _ in image.boxes]
        flags = {tag: tag in image.tags for tag in names.tags}
        content = {"version": "5.4.1", "flags": flags, "shapes": shapes, "imagePath": f"{image.up}/{image.name}", "imageData": None,
                   "imageHeight": image.hw[0], "imageWidth": image.hw[1]}
        files[f"labels/{image.stem}.json"] = strict_json(content, indent=1).encode()
    return files


def _xml(root: Element) -> bytes:
    indent(root)
    return tostring(root, encoding="utf-8", xml_declaration=True)


def _yaml(content: object) -> bytes:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


WRITERS: dict[str, Callable[[Sequence[SavedImage], ClassNames], Files]] = {
    "coco": coco_files, "yolo": yolo_files, "voc": voc_files, "cvat": cvat_files, "labelme": labelme_files}
FORMS = (*WRITERS, MASKS, CSV)
