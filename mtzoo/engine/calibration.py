"""Training images as the deployed network will see them, for what is measured on a few of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtzoo.config import ExperimentConfig
from mtzoo.data.groups import Group, build_groups
from mtzoo.data.images import read_image
from mtzoo.engine.evaluate import task_data
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.machine import check_memory

CALIBRATION_IMAGES = 64
BATCH = 4
ONE_COLOUR = 8
"""Levels of 256: an image none of whose channels spans more shows nothing. Sensor noise and JPEG make more than 1."""


def calibration_images(config: ExperimentConfig, count: int | None = None, *, default: int = CALIBRATION_IMAGES) -> Tensor:
    """(count, 3, H, W) uint8 BGR training images in the deploy geometry, drawn with env.seed, as many of each folder as it has.

    count: None for `default`, or all that there are.

    An unreadable image is replaced by another of its folder. Raises UserError for a count that cannot be, and where all images
    are of one colour.
    """
    if count is not None and count < 1:
        raise UserError(f"--calib-images {count}: ranges cannot be observed on no image; give at least 1, better 32")
    groups = build_groups(task_data(config, "train"))
    total = sum(len(group.records) for group in groups)
    if count is None:
        count = min(total, default)
    if count > total:
        raise UserError(f"--calib-images {count}: the training sources have {total} images; ask for {total} at most")
    height, width = config.deploy_geometry.input_hw
    check_memory(f"--calib-images {count}", 2 * count * 3 * height * width)
    shares = even_shares([len(group.records) for group in groups], count)
    originals = [image for i, (group, share) in enumerate(zip(groups, shares))
                 for image in _read(group, share, np.random.default_rng((config.env.seed, i)))]
    # Folders are mixed: a moving average would else be that of the last one.
    originals = [originals[i] for i in np.random.default_rng(config.env.seed).permutation(count)]
    if all(is_one_colour(image) for image in originals):
        raise UserError(f"the calibration set shows nothing: each of its {count} images is of one colour; give images of the "
                        "scenes that the network will see")
    shown = [config.deploy_geometry.view(image.shape[:2]).show(image) for image in originals]
    return torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class Batches(Sequence[Tensor]):
    """images (N, 3, H, W) uint8 as normalised (BATCH, 3, H, W) float32 in channels_last memory; the last may be smaller.

    Each is made when it is asked for: in float all of them would take four times the memory.
    """

    images: Tensor

    def __len__(self) -> int:
        return -(-len(self.images) // BATCH)

    def __getitem__(self, index: int) -> Tensor:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = self.images[index * BATCH:(index + 1) * BATCH]
        return normalize_image(part).contiguous(memory_format=torch.channels_last)


def even_shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of each folder: equal numbers, and what a small one lacks comes from the others. count <= sum(sizes)."""
    shares = [0] * len(sizes)
    for _ in range(count):
        shares[min((i for i, size in enumerate(sizes) if shares[i] < size), key=shares.__getitem__)] += 1
    return shares


def is_one_colour(image: np.ndarray) -> bool:
    """Whether no channel of (H, W, 3) uint8 spans more than a few levels."""
    flat = image.reshape(-1, image.shape[2])
    return bool((flat.max(axis=0).astype(int) - flat.min(axis=0) < ONE_COLOUR).all())


def _read(group: Group, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`count` originals (H, W, 3) of a folder in random order."""
    images, fault = [], None
    for index in rng.permutation(len(group.records)).tolist():
        if len(images) == count:
            break
        try:
            images.append(read_image(group.records[index].path))
        except UserError as error:
            fault = error
    if len(images) < count:
        raise UserError(f"{fault} (only {len(images)} images of its folder can be read, {count} are needed; `mtzoo data check` lists "
                        "the others)")
    return images
