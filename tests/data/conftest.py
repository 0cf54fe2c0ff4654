"""A tiny dataset on disk that tests break in one place each."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.data.sources import CocoBoxes, MaskFolder, TaskData

HW = (48, 64)


@dataclass(frozen=True)
class TinyData:
    """Four images a..d; boxes for a, b, c (c empty), masks for all; category names car, person, crowd."""

    root: Path

    @property
    def coco(self) -> dict:
        return json.loads((self.root / "boxes.json").read_text())

    def write_coco(self, content: object) -> None:
        (self.root / "boxes.json").write_text(json.dumps(content))

    def boxes_source(self, **changes: object) -> CocoBoxes:
        paths = {"images": str(self.root / "images"), "annotations": str(self.root / "boxes.json")}
        return CocoBoxes(**{**paths, "name": "tiny", **changes})

    def masks_source(self, **changes: object) -> MaskFolder:
        paths = {"images": str(self.root / "images"), "masks": str(self.root / "masks")}
        return MaskFolder(**{**paths, "name": "tiny", **changes})

    def boxes_task(self, classes: tuple[str, ...] = ("person", "car"), **changes: object) -> TaskData:
        return TaskData("det", "detection", classes, (self.boxes_source(**changes),))

    def masks_task(self, classes: tuple[str, ...] = ("road", "sky", "tree"), **changes: object) -> TaskData:
        return TaskData("seg", "segmentation", classes, (self.masks_source(**changes),))


@pytest.fixture
def tiny(tmp_path: Path) -> TinyData:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    rng = np.random.default_rng(0)
    for i, stem in enumerate("abcd"):
        image = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), HW[::-1], interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / "images" / f"{stem}.png"), image)
        mask = np.full(HW, i % 3, np.uint8)
        mask[:4] = 255
        cv2.imwrite(str(tmp_path / "masks" / f"{stem}.png"), mask)
    data = TinyData(tmp_path)
    data.write_coco({
        "images": [{"id": i, "file_name": f"{s}.png", "width": HW[1], "height": HW[0]} for i, s in enumerate("abc")],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "person"}, {"id": 3, "name": "crowd"}],
        "annotations": [{"id": 10, "image_id": 0, "category_id": 1, "bbox": [4, 8, 20, 10], "iscrowd": 0},
                        {"id": 11, "image_id": 0, "category_id": 2, "bbox": [30, 8, 10, 30], "iscrowd": 1},
                        {"id": 12, "image_id": 1, "category_id": 3, "bbox": [0, 0, 64, 48]}],
    })
    return data


@pytest.fixture
def photos(tmp_path: Path) -> TinyData:
    """Four JPEGs p..s of 96x160, black with a white rectangle, the second one turned by EXIF; its mask (1 in it, 0 around) and
    its box "car" for each."""
    root = tmp_path / "photos"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    images, annotations = [], []
    for i, stem in enumerate("pqrs"):
        mask = np.zeros((96, 160), np.uint8)
        mask[20 + 7 * i:60 + 7 * i, 31:90 + 11 * i] = 1
        exif = Image.Exif()
        exif[0x0112] = 6 if stem == "q" else 1
        stored = np.rot90(mask) if stem == "q" else mask  # 6: a viewer turns it clockwise
        Image.fromarray(np.repeat(255 * stored[..., None], 3, axis=2)).save(root / "images" / f"{stem}.jpg", exif=exif, quality=95)
        cv2.imwrite(str(root / "masks" / f"{stem}.png"), mask)
        images.append({"id": i, "file_name": f"{stem}.jpg", "width": 160, "height": 96})
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [31, 20 + 7 * i, 59 + 11 * i, 40]})
    data = TinyData(root)
    data.write_coco({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]})
    return data
