"""Folders of images and masks -> pairs by stem, and the table that turns mask values into class ids."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from mtzoo.data.folder_files import list_stems
from mtzoo.data.images import IMAGE_SUFFIXES, UNMAPPED, UNREAD_SUFFIXES
from mtzoo.data.names import leaving_links, link_problem
from mtzoo.data.sources import Fault, ImageFolder, MaskFolder, MaskList, expand_path
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

T = TypeVar("T")


@dataclass(frozen=True)
class MaskFile:
    """One mask on disk. table: (256,) uint8, mask value -> class id; source: the name errors tell; resized: whether it may have
    another size than its image."""

    path: Path
    table: np.ndarray
    source: str
    resized: bool = False


def label_table(spec: MaskFolder | MaskList, task: str, classes: Sequence[str]) -> np.ndarray:
    """(256,) uint8: class id, IGNORE, or UNMAPPED where a mask value has no class. Raises UserError for a bad label_map."""
    if len(classes) > UNMAPPED:
        raise UserError(f"task '{task}': {len(classes)} classes; a mask holds at most {UNMAPPED}")
    table = np.full(256, UNMAPPED, dtype=np.uint8)
    label_map = {k: k for k in range(len(classes))} if spec.label_map is None else spec.label_map
    for value, label in label_map.items():
        if not 0 <= value <= 255 or not (0 <= label < len(classes) or label == IGNORE):
            raise UserError(f"source '{spec.name}' of task '{task}': label_map[{value}]={label}; mask values are 0..255, "
                            f"class ids 0..{len(classes) - 1}, or {IGNORE} to ignore")
        table[value] = label
    if spec.label_map is None or spec.ignore_value not in spec.label_map:
        table[spec.ignore_value] = IGNORE
    return table


def read_mask_folder(spec: MaskFolder, task: str, classes: Sequence[str]) -> tuple[dict[str, MaskFile], list[Fault]]:
    """{image file relative to the images folder: its mask}, and faults: masks without an image, masks that are no PNG, two
    images of one stem, links out of the folders."""
    table = label_table(spec, task, classes)
    images_root, masks_root = expand_path(spec.images), expand_path(spec.masks)
    endings = (spec.image_suffix,) if spec.image_suffix else IMAGE_SUFFIXES
    images, faults = list_stems(images_root, endings, spec.name)
    masks, mask_faults = list_stems(masks_root, (spec.mask_suffix,), spec.name)
    faults += mask_faults + _masks_of_other_kinds(spec, images, masks)
    leaving = {} if spec.follow_links else leaving_links(masks_root.resolve(), masks.values())
    pairs: dict[str, MaskFile] = {}
    for stem, mask in masks.items():
        if mask in leaving:
            faults.append(Fault(str(masks_root / mask), "", link_problem(leaving[mask])))
        elif stem in images:
            pairs[images[stem]] = MaskFile(masks_root / mask, table, spec.name, spec.resize_masks)
        else:
            faults.append(Fault(str(masks_root / mask), "", no_image(images_root, stem, "mask")))
    return part_of_split(dict(sorted(pairs.items())), spec), faults


def images_without_mask(spec: MaskFolder) -> list[str]:
    """Image files relative to the images folder that no mask belongs to: they are not labelled by this source."""
    endings = (spec.image_suffix,) if spec.image_suffix else IMAGE_SUFFIXES
    images, _ = list_stems(expand_path(spec.images), endings, spec.name)
    masks, _ = list_stems(expand_path(spec.masks), (spec.mask_suffix,), spec.name)
    return [file for stem, file in images.items() if stem not in masks]


def part_of_split(pairs: dict[str, T], spec: MaskFolder | ImageFolder) -> dict[str, T]:
    """The part of a folder, image file -> its label, that `spec.split` asks for. Raises UserError if there are too few images."""
    if spec.split is None:
        return pairs
    if pairs and len(pairs) < spec.val_every:
        raise UserError(f"source '{spec.name}': val_every={spec.val_every}: {spec.images} has {len(pairs)} labelled images, too few "
                        "for a split; add images, or name a folder of images for validation")
    return {file: label for i, (file, label) in enumerate(pairs.items(), start=1)
            if (i % spec.val_every == 0) == (spec.split == "val")}


def no_image(root: Path, stem: str, owner: str) -> str:
    """What to say where no image `stem` lies in `root`. owner: what belongs to it, e.g. "mask"."""
    unread = next((path for suffix in UNREAD_SUFFIXES if os.path.isfile(path := f"{root / stem}{suffix}")), None)
    if unread:
        return f"its image {unread} is of a kind that is not read; save the image as PNG or JPEG"
    return f"no image '{stem}' in {root} belongs to this {owner}; add it or remove the {owner}"


def _masks_of_other_kinds(spec: MaskFolder, images: Mapping[str, str], masks: Mapping[str, str]) -> list[Fault]:
    """Files that are an image's only mask but for their kind: left out, the image would be unlabelled without a word."""
    root = expand_path(spec.masks)
    if spec.mask_suffix != ".png" or root.resolve() == expand_path(spec.images).resolve():
        return []
    others, _ = list_stems(root, [suffix for suffix in (*IMAGE_SUFFIXES, *UNREAD_SUFFIXES) if suffix != ".png"], spec.name)
    return [Fault(str(root / file), "", "masks must be PNG files, other formats change the values or are not read; save it as PNG")
            for stem, file in others.items() if stem in images and stem not in masks]
