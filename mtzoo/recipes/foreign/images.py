"""The images that somebody else's network is calibrated and compared on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.console import note
from mtzoo.data.images import read_image
from mtzoo.data.input_files import spread_images
from mtzoo.machine import check_memory
from mtzoo.ops.geometry import resize

CALIB_IMAGES, HELD_OUT = 64, 32


@dataclass(frozen=True)
class Folder:
    """The images of a folder, (H, W, 3) uint8 BGR of the input's size: some to observe ranges on, others to compare on."""

    calibration: list[np.ndarray]
    held_out: list[np.ndarray]


def read_folder(folder: Path, hw: tuple[int, int], count: int, limit: int | None) -> Folder:
    """At most `count` images for ranges, and no more than half of the folder; at most `limit` of the others for comparing. All are
    resized to `hw`, whatever their aspect. Raises UserError for a folder without images, and where one cannot be read."""
    files = spread_images(folder, None)
    count = min(count, max(1, len(files) // 2))
    picked = {i * len(files) // count for i in range(count)}
    rest = [path for i, path in enumerate(files) if i not in picked]
    if not rest:
        note(f"note: --images {folder} has one image: ranges are observed and outputs compared on the same one")
        rest = files
    few = min(limit or HELD_OUT, len(rest))
    rest = [rest[i * len(rest) // few] for i in range(few)]
    check_memory(f"{count + few} images of {hw[0]} x {hw[1]}", 2 * (count + few) * 3 * hw[0] * hw[1])
    calibration, held_out = ([resize(read_image(path), hw) for path in paths] for paths in ([files[i] for i in sorted(picked)], rest))
    return Folder(calibration, held_out)


def batches_of(images: Sequence[np.ndarray], order: str, size: int = 4) -> list[np.ndarray]:
    """(N, 3, H, W) uint8, channels in the network's order."""
    stacks = [np.stack(images[i:i + size]) for i in range(0, len(images), size)]
    return [np.ascontiguousarray((s[..., ::-1] if order == "rgb" else s).transpose(0, 3, 1, 2)) for s in stacks]
