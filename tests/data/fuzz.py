"""Thousands of damaged files through the readers, in a process of its own whose memory can be measured.

    python -m tests.data.fuzz images FOLDER 2000 1
    python -m tests.data.fuzz annotations FOLDER 1000 1

Prints one JSON object: cases, accepted, refused, problems (what should never happen), slowest_s (CPU), peak_mib.
"""

import json
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mtzoo.data import CocoBoxes, MaskFolder, TaskData
from mtzoo.data.check import check_sources
from mtzoo.data.images import read_image, read_mask
from mtzoo.errors import UserError, one_line
from tests.data.fuzz_annotations import base_annotations, mutated_annotations
from tests.data.fuzz_images import base_images, mutated_image

Outcome = list[str]
"""The lines a case was refused with; none: it was accepted."""


def image_cases(folder: Path, count: int, seed: int) -> Iterable[Callable[[], Outcome]]:
    """Each case: one damaged file, read as an image and as a mask."""
    rng = np.random.default_rng(seed)
    bases = base_images()
    path = folder / "case.bin"
    for _ in range(count):
        path.write_bytes(mutated_image(bases, rng))
        yield lambda: read_both(path)


def read_both(path: Path) -> Outcome:
    lines = []
    for read, channels in ((read_image, (3,)), (read_mask, ())):
        try:
            array = read(path)
        except UserError as error:
            lines.append(str(error))
        else:
            assert array.dtype == np.uint8, array.dtype
            assert array.shape[2:] == channels, array.shape
    assert all(line.startswith(f"{path}: ") for line in lines), lines
    return lines if len(lines) == 2 else []


def annotation_cases(folder: Path, count: int, seed: int) -> Iterable[Callable[[], Outcome]]:
    """Each case: a damaged annotation file through all of `mtzoo data check`, beside a good mask source."""
    rng = np.random.default_rng(seed)
    base = base_annotations(folder)
    for number in range(count):
        path = folder / f"boxes-{number}.json"  # the reader remembers files by name and time
        path.write_bytes(mutated_annotations(base, rng))
        yield lambda path=path: check_one(folder, path)
        path.unlink()


def check_one(folder: Path, annotations: Path) -> Outcome:
    images = str(folder / "images")
    tasks = [TaskData("det", "detection", ("car", "person"), (CocoBoxes(images, str(annotations), "own"),)),
             TaskData("seg", "segmentation", ("road", "sky"), (MaskFolder(images, str(folder / "masks"), "own"),))]
    return [str(fault) for fault in check_sources(tasks, workers=1)]


def run(cases: Iterable[Callable[[], Outcome]]) -> dict[str, object]:
    """Go through all cases and tell what happened."""
    done = refused = 0
    slowest = 0.0
    problems = []
    for case in cases:
        started = time.process_time()
        try:
            lines = case()
        except Exception:
            lines = []
            problems.append(f"case {done}: {traceback.format_exc()}")
        slowest = max(slowest, time.process_time() - started)
        problems += [f"case {done}: not one printable line: {line!r}" for line in lines if line != one_line(line)]
        refused += bool(lines)
        done += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    return {"cases": done, "accepted": done - refused - len(problems), "refused": refused, "problems": problems[:20],
            "slowest_s": round(slowest, 2), "peak_mib": round(peak)}


if __name__ == "__main__":
    kind, target, number, start = sys.argv[1:]
    make = {"images": image_cases, "annotations": annotation_cases}[kind]
    print(json.dumps(run(make(Path(target), int(number), int(start)))))
