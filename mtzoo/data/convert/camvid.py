"""CamVid: 11 classes as index masks (SegNet's), or 32 classes as colours or as indices with codes.txt.

The 32 colours are those of the data set's label_colors.txt; indices count its rows, which are in alphabetical order. Lane
paint of the 32 classes becomes a lane mask. There are no boxes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.convert.classes import PAINT
from mtzoo.data.convert.layout import ALL, image_stems, listed_splits, read_ids, read_lines
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Remark, SourceSet, Vocabulary, published
from mtzoo.data.images import read_image, read_mask, upright_hw
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

LAYOUT = ("{train,val} with {train,val}annot, {train,val}/images with masks, or 701_StillsRaw_full with LabeledApproved_full "
          "(images with labels)")
ELEVEN = {"sky": "sky", "building": "building", "pole": "pole", "road": "road", "pavement": "sidewalk", "tree": "vegetation",
          "sign_symbol": "sign", "fence": "fence", "car": "vehicle", "pedestrian": "person", "bicyclist": "cyclist"}
COLORS = {  # RGB -> class, in the order of label_colors.txt
    "Animal": (64, 128, 64), "Archway": (192, 0, 128), "Bicyclist": (0, 128, 192), "Bridge": (0, 128, 64), "Building": (128, 0, 0),
    "Car": (64, 0, 128), "CartLuggagePram": (64, 0, 192), "Child": (192, 128, 64), "Column_Pole": (192, 192, 128),
    "Fence": (64, 64, 128), "LaneMkgsDriv": (128, 0, 192), "LaneMkgsNonDriv": (192, 0, 64), "Misc_Text": (128, 128, 64),
    "MotorcycleScooter": (192, 0, 192), "OtherMoving": (128, 64, 64), "ParkingBlock": (64, 192, 128), "Pedestrian": (64, 64, 0),
    "Road": (128, 64, 128), "RoadShoulder": (128, 128, 192), "Sidewalk": (0, 0, 192), "SignSymbol": (192, 128, 128),
    "Sky": (128, 128, 128), "SUVPickupTruck": (64, 128, 192), "TrafficCone": (0, 0, 64), "TrafficLight": (0, 64, 64),
    "Train": (192, 64, 128), "Tree": (128, 128, 0), "Truck_Bus": (192, 128, 192), "Tunnel": (64, 0, 64),
    "VegetationMisc": (192, 192, 0), "Void": (0, 0, 0), "Wall": (64, 192, 0),
}
PAVEMENT_OF_ELEVEN = (60, 40, 222)  # the one colour of the 11-class pictures that the 32 lack
CLASS_OF_32 = {
    "sky": ("Sky",), "building": ("Archway", "Bridge", "Building", "Tunnel", "Wall"), "pole": ("Column_Pole",),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"), "sidewalk": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "vegetation": ("Tree", "VegetationMisc"), "sign": ("SignSymbol",), "fence": ("Fence",),
    "vehicle": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"), "person": ("Pedestrian", "Child"),
    "cyclist": ("Bicyclist", "MotorcycleScooter"), "traffic_light": ("TrafficLight",),
}
NAMES = tuple(COLORS)
THIRTY_TWO = {name: next((k for k, own in CLASS_OF_32.items() if name in own), IGNORE_CATEGORY) for name in NAMES}
LANES = ("LaneMkgsDriv", "LaneMkgsNonDriv")
CODES = "codes.txt"
FLAT = (("images", "labels"), ("701_StillsRaw_full", "LabeledApproved_full"))


@dataclass(frozen=True)
class _Pair:
    """Folders of images and of their masks; ending: what a mask's name has after the image's stem."""

    images: Path
    masks: Path
    ending: str = ".png"


def open_camvid(src: Path) -> SourceSet:
    """Whether the masks have 11 or 32 classes shows in codes.txt (32) and in the first mask's colours (32)."""
    pairs = {split: pair for split in ("train", "val") if (pair := _split_pair(src, split))} or _flat_pair(src)
    if not pairs:
        raise UserError(f"{src}: no folders of CamVid; --data must contain {LAYOUT}")
    files = {split: list(_files(pair)) for split, pair in pairs.items()}
    masks = [mask for found in files.values() for *_, mask in found]
    if not masks:
        raise UserError(f"{src}: images and masks do not match by name; masks are called like images, or end in _L.png or _P.png")
    matched = {image for found in files.values() for _, image, _ in found}
    remarks = [Remark("", "image without a mask", f"{image}: no mask: not labelled")
               for pair in pairs.values() for image in image_stems(pair.images).values() if image not in matched]
    fine = (src / CODES).is_file() or _is_colored(masks[0])
    if (src / CODES).is_file():
        _check_codes(src / CODES)
    splits = {split: {name: Entry.of(_read, image, name, mask, fine) for name, image, mask in found} for split, found in files.items()}
    lanes = {"lane": {"background": "background", PAINT: PAINT}}
    vocabulary = Vocabulary(masks={"seg": THIRTY_TWO, **lanes} if fine else {"seg": ELEVEN})
    if ALL in splits:
        return SourceSet(_flat_splits(src, splits[ALL]), vocabulary, remarks)
    return SourceSet({split: list(found.values()) for split, found in splits.items()}, vocabulary, remarks)


def _split_pair(src: Path, split: str) -> _Pair | None:
    for images, masks in ((split, f"{split}annot"), (f"{split}/images", f"{split}/masks"), (split, f"{split}_labels")):
        if (src / images).is_dir() and (src / masks).is_dir():
            return _Pair(src / images, src / masks, "_L.png" if masks.endswith("_labels") else ".png")
    return None


def _flat_pair(src: Path) -> dict[str, _Pair]:
    for images, masks in FLAT:
        if (src / images).is_dir() and (src / masks).is_dir():
            ending = next((e for e in ("_L.png", "_P.png") if any((src / masks).glob(f"*{e}"))), ".png")
            return {ALL: _Pair(src / images, src / masks, ending)}
    return {}


def _files(pair: _Pair) -> Iterator[tuple[str, Path, Path]]:
    """(name below the images' folder, image, mask) of the images that have a mask: some releases label every 30th frame only."""
    for stem, image in image_stems(pair.images).items():
        mask = pair.masks / f"{stem}{pair.ending}"
        if mask.is_file():
            yield image.relative_to(pair.images).as_posix(), image, mask


def _flat_splits(src: Path, entries: dict[str, Entry]) -> dict[str, list[Entry]]:
    """Files named in valid.txt are the val split, where there is such a list."""
    if not (src / "valid.txt").is_file():
        return {ALL: list(entries.values())}
    val = listed_splits(entries, {"val": src / "valid.txt"})["val"]
    return {"train": [entry for entry in entries.values() if entry not in val], "val": val}


def _check_codes(path: Path) -> None:
    codes = [line for _, line in read_lines(path)]
    if codes != list(NAMES):
        raise UserError(f"{path}: its {len(codes)} names are not CamVid's 32 in alphabetical order; restore the file")


def _is_colored(mask: Path) -> bool:
    try:
        read_mask(mask)
    except UserError:
        return True  # several channels; anything else that is wrong shows when it is read as an image
    return False


def _read(image: Path, name: str, mask: Path, fine: bool) -> LabelledImage:
    found = LabelledImage(image, name, upright_hw(image))
    if not fine:
        ids = read_ids(mask, len(ELEVEN) + 1)
        found.masks["seg"] = np.where(ids == len(ELEVEN), np.uint8(IGNORE), ids)  # 11 is void
        return found
    ids = found.masks["seg"] = _ids_of_colors(mask) if _is_colored(mask) else read_ids(mask, len(NAMES))
    lanes = found.masks["lane"] = np.isin(ids, [NAMES.index(name) for name in LANES]).astype(np.uint8)
    lanes[ids == NAMES.index("Void")] = IGNORE
    return found


def _ids_of_colors(path: Path) -> np.ndarray:
    """(H, W) uint8 rows of COLORS. Raises UserError for a colour that is none of CamVid's."""
    codes = _codes(cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB))
    known = {_codes(np.array(rgb, np.uint8)).item(): k for k, rgb in enumerate(COLORS.values())}
    known[_codes(np.array(PAVEMENT_OF_ELEVEN, np.uint8)).item()] = NAMES.index("Sidewalk")
    values, places = np.unique(codes, return_inverse=True)
    unknown = [v for v in values.tolist() if v not in known]
    if unknown:
        rgb = (unknown[0] >> 16, unknown[0] >> 8 & 255, unknown[0] & 255)
        raise UserError(f"{path}: colour RGB {rgb} is not one of CamVid's 32; restore the mask (a JPEG or a resized one has such)")
    table = np.array([known[v] for v in values.tolist()], dtype=np.uint8)
    return table[places].reshape(codes.shape)


def _codes(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> (...) int32, a number for each colour."""
    return rgb[..., 0].astype(np.int32) << 16 | rgb[..., 1].astype(np.int32) << 8 | rgb[..., 2]


FORMAT = Format("camvid", "CamVid", LAYOUT, published(open_camvid))
