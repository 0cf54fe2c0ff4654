"""Annotation files with wrong values and types at every level, in COCO form through `mtzoo data check`, in every other form
through its converter."""

import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mtzoo.data.check import check_sources
from mtzoo.data.convert import FORMATS, Options, Places, convert
from mtzoo.data.sources import CocoBoxes, MaskFolder, TaskData
from tests.data.convert.layouts import LAYOUTS
from tests.robustness.base import Base
from tests.robustness.fuzz import Case
from tests.robustness.mutations import as_json, damaged_bytes, damaged_text, mutated

HW = (12, 16)
LABEL_ENDINGS = (".json", ".txt", ".xml", ".yaml")
IMAGE_ENDINGS = (".png", ".jpg")


def annotations(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: a damaged COCO file through all of the check, beside a good mask source."""
    good = base_annotations(folder)
    for number in count():
        path = folder / f"boxes-{number}.json"  # the reader remembers files by name and time
        data = as_json(mutated(good, rng), rng)
        path.write_bytes(damaged_text(data, rng) if rng.random() < 0.4 else data)
        yield lambda path=path: check(folder, path)
        path.unlink()


def base_annotations(folder: Path) -> dict[str, Any]:
    """Three images with masks in `folder`, a link out of it, and the content of their good annotation file."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for stem in "abc":
        cv2.imwrite(str(folder / "images" / f"{stem}.png"), np.zeros((*HW, 3), np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{stem}.png"), np.zeros(HW, np.uint8))
    (folder / "images" / "link.png").symlink_to(folder / "masks" / "a.png")
    return {
        "info": {"description": "x", "year": 2020},
        "images": [{"id": i, "file_name": f"{s}.png", "width": HW[1], "height": HW[0], "license": 1} for i, s in enumerate("abc")],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [{"id": 10 + i, "image_id": i, "category_id": 1 + i % 2, "bbox": [1 + i, 2, 5, 4.5], "iscrowd": i % 2,
                         "area": 20.0, "segmentation": [[1, 2, 3, 4, 5, 6]]} for i in range(3)],
    }


def check(folder: Path, path: Path) -> list[str]:
    """The faults that `mtzoo data check` finds."""
    images = str(folder / "images")
    tasks = [TaskData("det", "detection", ("car", "person"), (CocoBoxes(images, str(path), "own"),)),
             TaskData("seg", "segmentation", ("road", "sky"), (MaskFolder(images, str(folder / "masks"), "own"),))]
    return [str(fault) for fault in check_sources(tasks, workers=1).faults]


def conversions(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: one file of a published layout damaged, the whole converted; the layouts take turns."""
    for form, write in LAYOUTS.values():
        write(folder / form)
    for number in count():
        form = sorted(FORMATS)[number % len(FORMATS)]
        source = folder / form
        labels = sorted(p for p in source.rglob("*") if p.suffix in LABEL_ENDINGS)
        pictures = sorted(p for p in source.rglob("*") if p.suffix in IMAGE_ENDINGS)
        path = choose(labels if labels and rng.random() < 0.9 else pictures, rng)
        good = path.read_bytes()
        path.write_bytes(damaged(path, good, rng))
        out = folder / "converted"
        classes = ("tasks", "own")[int(rng.integers(2))]
        yield lambda form=form, source=source, out=out, classes=classes: run_conversion(form, source, out, classes)
        path.write_bytes(good)
        shutil.rmtree(out, ignore_errors=True)


def choose(paths: list[Path], rng: np.random.Generator) -> Path:
    return paths[int(rng.integers(len(paths)))]


def damaged(path: Path, good: bytes, rng: np.random.Generator) -> bytes:
    if path.suffix not in LABEL_ENDINGS:
        return damaged_bytes(good, rng)
    if path.suffix == ".json" and rng.random() < 0.7:
        try:
            return as_json(mutated(json.loads(good), rng), rng)
        except ValueError:  # of several lines
            pass
    return changed_word(good, rng) if rng.random() < 0.5 else damaged_text(good, rng)


def changed_word(data: bytes, rng: np.random.Generator) -> bytes:
    """One word of a text replaced by something else."""
    words = data.split(b" ")
    others = (b"nan", b"-1", b"0", b"1e308", b"1e-320", b"99999999999999999999", b"x", b"", b"\x1b[31m", b"../../etc/passwd",
              b"[/b]", b"%s%n", b"/dev/zero", b"<!ENTITY x SYSTEM 'file:///etc/passwd'>",
              b"!!python/object/apply:os.system ['true']", b"*a", b"&a")
    words[int(rng.integers(len(words)))] = others[int(rng.integers(len(others)))]
    return b" ".join(words)


def run_conversion(form: str, source: Path, out: Path, classes: str) -> list[str]:
    """What the conversion did not take as it is, a line each."""
    return [str(line) for line in convert(FORMATS[form], Places(source), out, Options(classes=classes, workers=1)).lines]
