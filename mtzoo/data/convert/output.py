"""The converted set on disk: whole or not at all, and never over something that is not a conversion's."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from mtzoo.data.convert.records import LabelledImage
from mtzoo.data.json_file import read_json
from mtzoo.errors import UserError, shown
from mtzoo.files import cannot_write, check_writable, remove_leftovers, whole_folder
from mtzoo.locks import lock_output
from mtzoo.strict_json import strict_json

RECEIPT = "convert.json"
VERSION = 1
ADVICE = "choose another --out"


class OutFolder:
    """Where a conversion goes; other processes are kept out of it.

    Raises UserError if `out` holds anything but an untouched earlier conversion, lies in `src`, cannot be written, or if another
    process converts into it.
    """

    def __init__(self, out: Path, src: Path) -> None:
        self.out = out
        if out.resolve().is_relative_to(src.resolve()):
            raise UserError(f"--out {out}: lies inside --data; choose a folder outside of the data set, which stays as it is")
        check_writable(out.parent, "--out", folder=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        self.lock = lock_output(out, ADVICE)
        remove_leftovers(out, locked=True)
        _check_replaceable(out)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A hidden folder beside `out` to write into; it becomes `out` at the end, and is gone after an error."""
        try:
            with self.lock, whole_folder(self.out) as part:
                yield part
                _check_replaceable(self.out)  # nobody has put anything there meanwhile
        except OSError as error:
            raise cannot_write(self.out, error, ADVICE) from error

    @staticmethod
    def write_receipt(folder: Path, content: Mapping[str, Any]) -> None:
        """Last of all: it holds a fingerprint of every other file."""
        receipt = {"written_by": "mtzoo data convert", "version": VERSION, **content, "fingerprint": fingerprint(folder)}
        (folder / RECEIPT).write_text(strict_json(receipt, indent=1) + "\n")


class SplitWriter:
    """Images, masks and boxes of one split. `write_image` may be called in threads, each image once."""

    def __init__(self, folder: Path, copy_images: bool) -> None:
        self.folder, self.copy_images = folder, copy_images
        self._images: dict[str, LabelledImage] = {}
        folder.mkdir()

    def write_image(self, image: LabelledImage) -> None:
        """Link or copy the image, write its masks, remember its boxes. Raises UserError for a second image of that name."""
        kept = replace(image, masks={})  # masks of thousands of images would not fit into memory
        if self._images.setdefault(image.name, kept) is not kept:
            raise UserError(f"{image.path}: a second image called '{image.name}', after {self._images[image.name].path}; rename one")
        target = self.folder / "images" / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        self._place(image.path, target)
        for kind, mask in image.masks.items():
            path = (self.folder / kind / image.name).with_suffix(".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(path, "xb") as file:  # x: of two threads with one name, one fails
                    file.write(cv2.imencode(".png", mask)[1].tobytes())  # imwrite reports a full disk as False at best
            except FileExistsError:
                raise UserError(f"{image.path}: another image has the same name but for its ending, and a mask too; "
                                "rename one") from None

    def write_boxes(self, categories: list[str]) -> None:
        """boxes.json of the images that were looked through for objects, in the order of their names; no file for none."""
        labelled = [image for _, image in sorted(self._images.items()) if image.boxes is not None]
        if not labelled or not categories:
            return
        ids = {name: number for number, name in enumerate(categories, start=1)}
        images, annotations = [], []
        for number, image in enumerate(labelled):
            images.append(_image_entry(number, image, ids))
            for box in image.boxes or ():
                x1, y1, x2, y2 = (round(v, 3) for v in box.xyxy)
                if box.name in ids:
                    annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": ids[box.name],
                                        "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
                                        "area": round((x2 - x1) * (y2 - y1), 3), "iscrowd": int(box.crowd)})
        content = {"images": images, "annotations": annotations,
                   "categories": [{"id": number, "name": name} for name, number in ids.items()]}
        (self.folder / "boxes.json").write_text(strict_json(content))

    def write_image_labels(self, image_classes: Mapping[str, list[str]]) -> None:
        """TASK.tsv of the images that have a label of the task, in the order of their names. Raises UserError for a name with a tab
        or a line break in it."""
        for task in image_classes:
            rows = [(image.name, image.image_labels[task]) for _, image in sorted(self._images.items()) if task in image.image_labels]
            for row in rows:
                if any(mark in "".join(row) for mark in "\t\n\r"):
                    raise UserError(f"{shown(list(row))}: a tab or a line break, which no row can hold; rename it")
            (self.folder / f"{task}.tsv").write_text("".join(f"{name}\t{label}\n" for name, label in rows), encoding="utf-8")

    def _place(self, image: Path, target: Path) -> None:
        if self.copy_images:
            shutil.copyfile(image, target)
            return
        try:
            target.symlink_to(image.resolve())
        except OSError as error:
            raise UserError(f"{target}: cannot be made a link ({error.strerror}); use --copy-images") from error


def _image_entry(number: int, image: LabelledImage, ids: Mapping[str, int]) -> dict[str, Any]:
    """An entry of COCO's "images"; categories of which not every object is boxed are told as LVIS does."""
    entry = {"id": number, "file_name": image.name, "height": image.hw[0], "width": image.hw[1]}
    unknown = sorted(ids[name] for name in image.unknown if name in ids)
    return {**entry, "not_exhaustive_category_ids": unknown} if unknown else entry


def fingerprint(folder: Path) -> str:
    """sha256 over path, size and time of every file but the receipt: shows whether anybody added, removed or changed one."""
    digest = hashlib.sha256()
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(parent) / file
            relative = path.relative_to(folder).as_posix()
            if relative != RECEIPT:
                stat = path.lstat()
                digest.update(f"{relative}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _check_replaceable(out: Path) -> None:
    """Raises UserError unless `out` is not there, empty, or what an earlier conversion left."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; name a new folder")
    if out.exists() and any(out.iterdir()):
        _check_untouched(out)


def _check_untouched(out: Path) -> None:
    """Raises UserError unless `out` is what an earlier conversion left."""
    receipt: Any = None
    with suppress(UserError):
        receipt = read_json(out / RECEIPT, "receipt", "name a new folder")
    if not isinstance(receipt, dict) or receipt.get("written_by") != "mtzoo data convert":
        raise UserError(f"--out {out}: is not empty and not an earlier conversion; name a new folder, nothing is overwritten")
    if receipt.get("fingerprint") != fingerprint(out):
        raise UserError(f"--out {out}: is an earlier conversion, but files in it were added, removed or changed since; "
                        "name a new folder or delete it, nothing is overwritten")
