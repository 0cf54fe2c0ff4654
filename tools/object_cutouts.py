"""Objects cut out of pictures by their masks, for paste_objects.py."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.images import read_image, read_mask
from mtzoo.errors import UserError

LEAST_HEIGHT = 36
"""Pixels of a cut-out."""
UPRIGHT = 1.6
"""Least height in widths: what is wider are several objects, or one that sits or lies."""
SOLID = 0.4
"""Least share of its box that an object fills."""
MOST_ENLARGED = 1.25
EACH = "each"
"""Instead of a mask's value: each value but 0 is an object."""


@dataclass(frozen=True)
class Cutout:
    """An object: image (H, W, 3) uint8 BGR and mask (H, W) uint8, 0 or 255."""

    image: np.ndarray
    mask: np.ndarray

    def shown(self, height: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """At a height in pixels, every other time mirrored, a little blurred: image and opacity 0..1, float32."""
        size = (max(round(self.image.shape[1] * height / self.image.shape[0]), 3), height)
        image, mask = (cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) for part in (self.image, self.mask))
        if rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        blur = rng.uniform(0.3, 0.9)
        return cv2.GaussianBlur(image, (0, 0), blur), cv2.GaussianBlur(mask, (0, 0), blur) / 255


def one_of(cutouts: Sequence[Cutout], height: int, rng: np.random.Generator) -> Cutout:
    """Of those that need not be enlarged much to be `height` pixels high; the highest if there are none."""
    sharp = [cutout for cutout in cutouts if cutout.image.shape[0] * MOST_ENLARGED >= height]
    return sharp[int(rng.integers(len(sharp)))] if sharp else max(cutouts, key=lambda cutout: cutout.image.shape[0])


def read_cutouts(pictures: Path, masks: Path, value: str) -> list[Cutout]:
    """Upright objects of at least LEAST_HEIGHT pixels.

    masks: a PNG for each picture, STEM.png or STEM_mask.png. value: of the mask's pixels, whose connected regions are an object each,
    or EACH. Raises UserError if there are none, or for a mask whose shape is not that of its picture.
    """
    if value != EACH and not (value.isdigit() and 0 < int(value) <= 255):
        raise UserError(f"--cutouts {pictures} {masks}: '{value}' is neither '{EACH}' nor a mask's value from 1 to 255")
    stems, found = {path.stem: path for path in pictures.glob("*.*")}, []
    for path in sorted(masks.glob("*.png")):
        picture = stems.get(path.stem.removesuffix("_mask"))
        if picture is not None:
            image = read_image(picture)
            found += _objects(image, _of_shape(read_mask(path), image, path, picture), value)
    if not found:
        raise UserError(f"{masks}: no PNG shows an upright object of {LEAST_HEIGHT} pixels or more as '{value}' on {pictures}; "
                        "check --cutouts")
    return found


def _of_shape(mask: np.ndarray, image: np.ndarray, path: Path, picture: Path) -> np.ndarray:
    """A mask of the same view and another size is resized."""
    height, width = image.shape[:2]
    if abs(mask.shape[1] * height - mask.shape[0] * width) > 0.02 * mask.shape[1] * height:
        raise UserError(f"{path}: has {mask.shape} pixels, {picture} {image.shape[:2]}; give the mask its picture's shape")
    return mask if mask.shape == image.shape[:2] else cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)


def _objects(image: np.ndarray, mask: np.ndarray, value: str) -> Iterator[Cutout]:
    regions = mask if value == EACH else cv2.connectedComponents((mask == int(value)).astype(np.uint8))[1]
    for number in np.unique(regions[regions > 0]):
        region = (regions == number).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(region)
        part = np.s_[y:y + height, x:x + width]
        if height >= max(LEAST_HEIGHT, UPRIGHT * width) and region[part].mean() >= SOLID and _inside(x, y, width, height, mask.shape):
            yield Cutout(image[part].copy(), region[part] * 255)


def _inside(x: int, y: int, width: int, height: int, shape: Sequence[int]) -> bool:
    """Whether the picture's border leaves the object whole."""
    return x > 0 and y > 0 and x + width < shape[1] and y + height < shape[0]
