"""A data set of synthetic scenes on disk, in the formats of real data: written whole or not at all."""

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from mtzoo.console import note
from mtzoo.data.json_file import read_json
from mtzoo.data.synthetic.labels import CATEGORIES, LANE_CLASSES, SEG_CLASSES, SceneObject
from mtzoo.data.synthetic.scene import render_scene, warm_textures
from mtzoo.errors import UserError
from mtzoo.files import cannot_write, whole_folder
from mtzoo.locks import lock_output
from mtzoo.signals import end_with_parent
from mtzoo.strict_json import strict_json

VERSION = 2  # raise it whenever the same seed gives another picture or label
RECEIPT = "synth.json"
_JPEG_QUALITIES = (70, 78, 85, 90, 93, 95, 97)
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.12: four times as fast; older ones try all filters
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


def write_dataset(out: Path, num: int, seed: int, *, size_hw: tuple[int, int] = (720, 1280), workers: int = 2,
                  on_progress: Callable[[int, int], None] | None = None) -> None:
    """Render scenes 0..num-1 of a seed into `out`; the bytes do not depend on `workers`.

    Writes images/000000.jpg ..., seg/*.png and lane/*.png (uint8, same stem, 255 = ignore), boxes.json (COCO, the
    seven CATEGORIES, ids from 1, iscrowd 1 for what is not to be asked for) and synth.json, the receipt. All of it
    goes into a hidden folder beside `out`, renamed at the end. If `out` already holds this very data set, nothing is
    done; if another process is rendering into it, this one waits. on_progress(done, total) is called after each scene,
    in this process.

    Raises UserError if `out` holds anything else, if num < 1 or workers < 1, or if it cannot be written.
    """
    out = Path(out)
    if num < 1 or workers < 1 or min(size_hw) < 64:
        raise UserError(f"synthetic scenes: num={num}, workers={workers}, size={size_hw}: num and workers must be "
                        "at least 1, both sides of the size at least 64")
    receipt = {"generator": "mtzoo.data.synthetic", "version": VERSION, "seed": seed, "num": num,
               "height": size_hw[0], "width": size_hw[1], "seg_classes": list(SEG_CLASSES),
               "lane_classes": list(LANE_CLASSES), "categories": list(CATEGORIES)}
    if _is_done(out, receipt):
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with lock_output(out, "choose another folder", lambda holder: note(f"{out}: waiting for {holder}, which renders it")):
            if _is_done(out, receipt):
                return
            with whole_folder(out) as part:
                for folder in ("images", "seg", "lane"):
                    (part / folder).mkdir()
                _write_parts(part, receipt, workers, on_progress)
                _is_done(out, receipt)  # nobody has put anything there meanwhile
    except OSError as error:
        raise cannot_write(out, error, "choose another folder") from error
    except BrokenProcessPool as error:
        raise UserError(f"{out}: a rendering process died (out of memory?); try workers=1") from error


def _is_done(out: Path, receipt: dict) -> bool:
    """Whether `out` holds just this data set; UserError if it holds something else."""
    if not out.exists() or out.is_dir() and not any(out.iterdir()):
        return False
    try:
        found = read_json(out / RECEIPT, "receipt", "render anew")
    except UserError:
        raise UserError(f"{out}: exists and holds no synthetic data set ({RECEIPT} is missing or broken); nothing was "
                        "overwritten, choose another folder") from None
    if found == receipt:
        return True
    wrong = [f"{k}={found.get(k) if isinstance(found, dict) else None!r} instead of {v!r}" for k, v in receipt.items()
             if not isinstance(found, dict) or found.get(k) != v]
    raise UserError(f"{out / RECEIPT}: holds another data set ({', '.join(wrong[:3]) or 'unknown keys'}); nothing was "
                    "overwritten, choose another folder or delete it")


def _write_parts(part: Path, receipt: dict, workers: int, on_progress: Callable[[int, int], None] | None) -> None:
    size_hw = (receipt["height"], receipt["width"])
    images, annotations = [], []
    for index, objects in enumerate(_rendered(part, receipt["seed"], receipt["num"], size_hw, workers)):
        images.append({"id": index, "file_name": f"{index:06d}.jpg", "height": size_hw[0], "width": size_hw[1]})
        for thing in objects:
            annotations.append(_annotation(len(annotations) + 1, index, thing))
        if on_progress:
            on_progress(index + 1, receipt["num"])
    coco = {"info": {"description": "synthetic road scenes", "version": str(VERSION)}, "images": images,
            "annotations": annotations,
            "categories": [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, 1)]}
    (part / "boxes.json").write_text(strict_json(coco))
    (part / RECEIPT).write_text(strict_json(receipt, indent=1) + "\n")


def _rendered(part: Path, seed: int, num: int, size_hw: tuple[int, int],
              workers: int) -> Iterator[tuple[SceneObject, ...]]:
    """Objects of each scene in order, its files written."""
    task = partial(_write_scene, part, seed, size_hw)
    with _one_opencv_thread():
        if workers == 1 or num == 1:
            yield from map(task, range(num))
            return
        # Forked where that is safe: the parent's textures are shared, and torch, which a spawned worker would import
        # with the package, takes longer than a hundred scenes. OpenCV's threads, which a fork would lose, are stopped.
        method = "fork" if sys.platform.startswith("linux") else "spawn"
        warm_textures(size_hw)
        pool = ProcessPoolExecutor(min(workers, num), multiprocessing.get_context(method),
                                   initializer=_start_worker, initargs=(os.getpid(),))
        try:
            yield from pool.map(task, range(num))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(parent: int) -> None:
    end_with_parent(parent)
    cv2.setNumThreads(1)
    gc.freeze()  # what the parent had loaded need not be looked through at every collection: 5 % of the time


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _write_scene(part: Path, seed: int, size_hw: tuple[int, int], index: int) -> tuple[SceneObject, ...]:
    """Render one scene and write its image and masks."""
    scene = render_scene(seed, index, size_hw)
    quality = _JPEG_QUALITIES[(index * 7919 + seed) % len(_JPEG_QUALITIES)]
    _write(part / "images" / f"{index:06d}.jpg", scene.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    _write(part / "seg" / f"{index:06d}.png", scene.seg, _PNG)
    _write(part / "lane" / f"{index:06d}.png", scene.lane, _PNG)
    return scene.objects


def _write(path: Path, picture: np.ndarray, parameters: list[int]) -> None:
    # imwrite reports a full disk as False at best; write_bytes raises.
    ok, data = cv2.imencode(path.suffix, picture, parameters)
    if not ok:
        raise OSError(0, f"cannot encode {path.name}")
    path.write_bytes(data.tobytes())


def _annotation(number: int, image: int, thing: SceneObject) -> dict:
    x1, y1, x2, y2 = thing.xyxy
    return {"id": number, "image_id": image, "category_id": CATEGORIES.index(thing.category) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1], "area": thing.area, "iscrowd": int(thing.ignore),
            "ignore": int(thing.ignore), "visible_fraction": thing.visible_fraction}
