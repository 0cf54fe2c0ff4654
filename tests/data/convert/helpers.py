"""Small data sets in published layouts, and a look at what became of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.convert import FORMATS, Options, Places, Summary, convert
from mtzoo.data.images import read_mask

HW = (48, 64)


def write_image(path: Path, hw: tuple[int, int] = HW) -> Path:
    """A grey image; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*hw, 3), 90, np.uint8))
    return path


def write_mask(path: Path, mask: np.ndarray) -> Path:
    """A PNG of (H, W) ids or (H, W, 3) BGR colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), mask)
    return path


def write_text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_json(path: Path, content: object) -> Path:
    return write_text(path, json.dumps(content))


@dataclass(frozen=True)
class Converted:
    """A converted set on disk and what the conversion told."""

    root: Path
    summary: Summary

    def coco(self, split: str = "train") -> dict:
        return json.loads((self.root / split / "boxes.json").read_text())

    def categories(self, split: str = "train") -> list[str]:
        return [category["name"] for category in self.coco(split)["categories"]]

    def boxes(self, split: str = "train") -> list[tuple[str, str, list[float], int]]:
        """(file, category, [x, y, w, h], is crowd) of every annotation, in order."""
        coco = self.coco(split)
        files = {image["id"]: image["file_name"] for image in coco["images"]}
        names = {category["id"]: category["name"] for category in coco["categories"]}
        return [(files[a["image_id"]], names[a["category_id"]], a["bbox"], a["iscrowd"]) for a in coco["annotations"]]

    def mask(self, kind: str, name: str, split: str = "train") -> np.ndarray:
        return read_mask(self.root / split / kind / f"{name}.png")


def converted(form: str, src: Path, out: Path, options: Options | None = None) -> Converted:
    """Convert and open the result."""
    return Converted(out, convert(FORMATS[form], Places(src), out, options or Options(workers=2)))
