"""Pastes cut-out objects into labelled frames, for a class that the frames show too rarely. Writes images and a COCO file.

    python tools/paste_objects.py --images FRAMES --boxes FRAMES/boxes.json --cutouts PICTURES MASKS each --name person --out DIR

This is copy-paste (arXiv 2012.07177), made once, before the training. MASKS holds a PNG for each picture (STEM.png or STEM_mask.png).
'each' says that each of its values but 0 is an object; a number, that each connected region of this value is one.

The boxes of the class in the frames show how far down an object of a height stands, so that pasted ones stand on the ground, too. What
is nearer to the camera hides a pasted object, and some are put behind a fence or a hedge. Its box is around all of it. No labelled
object gets hidden by more than 40 %.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from object_cutouts import Cutout, one_of, read_cutouts
from one_line_errors import one_line_errors

from mtzoo.data.coco import CocoFile, CocoImage, load_coco
from mtzoo.data.images import read_image
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError, did_you_mean

TRIES = 30
"""Places that are tried for an object before it is left out."""
LEAST_SHOWN = 12
"""Pixels of a pasted object's height."""
MOST_HIDDEN, MOST_IGNORED = 0.4, 0.3
"""Shares of a box: hidden by what is nearer, or in ignore regions."""
LEAST_BOXES = 10
"""Boxes from which the ground is estimated."""
JPEG_QUALITY = 92


@dataclass(frozen=True)
class Ground:
    """Where an object's lower edge lies: horizon + slope * its height, give or take `spread`, all as shares of the frame's height."""

    horizon: float
    slope: float
    spread: float

    @classmethod
    def of(cls, frames: CocoFile, category: int, name: str) -> "Ground":
        """A line through the boxes of a category. Raises UserError for too few of them."""
        seen = np.array([(box[4] / image.hw[0], (box[2] + box[4]) / image.hw[0])
                         for image in frames.images.values() for box in image.boxes if box[0] == category])
        if len(seen) < LEAST_BOXES:
            raise UserError(f"{len(seen)} boxes of '{name}' in the frames; {LEAST_BOXES} are needed to see where such an object stands")
        slope, horizon = np.polyfit(seen[:, 0], seen[:, 1], 1)
        return cls(float(horizon), float(slope), float(np.std(seen[:, 1] - horizon - slope * seen[:, 0])))

    def lower_edge(self, height: float, rng: np.random.Generator) -> float:
        return self.horizon + self.slope * height + rng.normal() * self.spread


@dataclass
class Scene:
    """A frame while objects are pasted. image: (H, W, 3) float32; xyxy: (G, 4) pixels; ignored, hidden: (G,), hidden as a share."""

    image: np.ndarray
    categories: list[int]
    xyxy: np.ndarray
    ignored: np.ndarray
    hidden: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.hidden = np.zeros(len(self.xyxy))

    @classmethod
    def of(cls, image: np.ndarray, labels: CocoImage, ignored: set[int]) -> "Scene":
        boxes = np.array([box[1:5] for box in labels.boxes], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        categories = [box[0] for box in labels.boxes]
        unsure = [crowd or category in ignored for category, *_, crowd in labels.boxes]
        return cls(image.astype(np.float32), categories, boxes, np.array(unsure, bool))

    def fits(self, box: np.ndarray) -> bool:
        """Whether an object may stand at `box` (xyxy)."""
        if box[0] < 0 or box[1] < 0 or box[2] > self.image.shape[1] or box[3] > self.image.shape[0]:
            return False
        common = self._common(box)
        nearer = ~self.ignored & (self.xyxy[:, 3] > box[3])
        farther = ~self.ignored & ~nearer
        own = _areas(box[None])[0]
        return (common[self.ignored].sum() <= MOST_IGNORED * own and common[nearer].sum() <= MOST_HIDDEN * own
                and bool((self.hidden + common / _areas(self.xyxy))[farther].max(initial=0) <= MOST_HIDDEN))

    def _common(self, box: np.ndarray) -> np.ndarray:
        """(G,) pixels that each object shares with `box`."""
        sides = np.minimum(self.xyxy[:, 2:], box[2:]) - np.maximum(self.xyxy[:, :2], box[:2])
        return sides.clip(0).prod(1)

    def paste(self, part: np.ndarray, opacity: np.ndarray, box: np.ndarray, category: int, rng: np.random.Generator) -> None:
        """Blend an object of (h, w) pixels into `box`, behind what is nearer, in the light of what is around it."""
        x, y, right, bottom = (int(side) for side in box)
        for near in self.xyxy[~self.ignored & (self.xyxy[:, 3] > bottom)].round().astype(int):
            opacity[max(near[1] - y, 0):max(near[3] - y, 0), max(near[0] - x, 0):max(near[2] - x, 0)] = 0
        _hide_some(opacity, rng)
        around = self.image[max(y - (bottom - y) // 4, 0):bottom, max(2 * x - right, 0):2 * right - x].mean(axis=(0, 1))
        light = np.clip(np.sqrt(around.mean() / max(part[opacity > 0.5].mean() if (opacity > 0.5).any() else 1, 1)), 0.5, 1.4)
        haze = max(rng.uniform(-0.1, 0.35), 0)
        part = part * light * rng.uniform(0.8, 1.1) * (1 - haze) + around * haze
        under = self.image[y:bottom, x:right]
        under += (part - under) * opacity[..., None]
        self.hidden += np.where(self.ignored, 0, self._common(box) / _areas(self.xyxy))
        self.categories.append(category)
        self.xyxy = np.concatenate([self.xyxy, box[None]])
        self.ignored, self.hidden = np.append(self.ignored, False), np.append(self.hidden, 0.0)


def _areas(xyxy: np.ndarray) -> np.ndarray:
    return (xyxy[:, 2:] - xyxy[:, :2]).prod(1).clip(1e-9)


def _hide_some(opacity: np.ndarray, rng: np.random.Generator) -> None:
    """In place: every fifth object stands behind a fence, some more behind a hedge or a wall."""
    height, draw = len(opacity), rng.random()
    if draw < 0.2:
        top, period = int(height * rng.uniform(0.35, 0.6)), max(height // 12, 3)
        opacity[top:, int(rng.integers(period))::period] *= 0.15
        opacity[top:top + max(height // 20, 1)] *= 0.2
    elif draw < 0.35:
        opacity[int(height * rng.uniform(0.5, 0.8)):] = 0


def crowd(scene: Scene, cutouts: Sequence[Cutout], ground: Ground, category: int, heights: Sequence[float],
          rng: np.random.Generator) -> int:
    """Paste an object of each height (shares of the frame's height) into the scene, far ones first, if a place is found.

    Four of ten stand near the one before. Returns how many were pasted.
    """
    frame_height, frame_width = scene.image.shape[:2]
    before, count = None, 0
    for share in sorted(heights):
        wanted = max(round(share * frame_height), LEAST_SHOWN)
        part, opacity = one_of(cutouts, wanted, rng).shown(wanted, rng)
        height, width = opacity.shape
        for _ in range(TRIES):
            x = rng.uniform(0, frame_width - width) if before is None or rng.random() < 0.6 else before + 2 * width * rng.normal()
            bottom = ground.lower_edge(height / frame_height, rng) * frame_height
            box = np.array([x, bottom - height, x + width, bottom]).round()
            if scene.fits(box):
                scene.paste(part, opacity, box, category, rng)
                before, count = x, count + 1
                break
    return count


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the frames")
    parser.add_argument("--boxes", type=Path, required=True, help="their COCO file")
    parser.add_argument("--cutouts", nargs=3, action="append", required=True, metavar=("PICTURES", "MASKS", "VALUE"),
                        help="pictures with objects to cut out, their masks, and a mask's value or 'each'; can be given again")
    parser.add_argument("--name", required=True, help="the category of the frames that the objects belong to")
    parser.add_argument("--out", type=Path, required=True, help="a new folder: images/ and boxes.json")
    parser.add_argument("--copies", type=int, default=3, help="how often each frame is used (3)")
    parser.add_argument("--objects", type=int, nargs=2, default=(3, 8), metavar=("MIN", "MAX"), help="objects in a frame (3 8)")
    parser.add_argument("--heights", type=float, nargs=2, default=(0.014, 0.13), metavar=("MIN", "MAX"),
                        help="of the objects, as shares of the frame's height (0.014 0.13)")
    parser.add_argument("--seed", type=int, default=0)
    print(compose(parser.parse_args(argv)))
    return 0


def compose(args: argparse.Namespace) -> str:
    """Write the folder; says what is in it."""
    for name, low, high in (("--copies", 1, args.copies), ("--objects", 1, args.objects[0]), ("--objects", *args.objects),
                            ("--heights", 0.001, args.heights[0]), ("--heights", *args.heights), ("--heights", args.heights[1], 1)):
        if low > high:
            raise UserError(f"{name}: {low} is more than {high}; copies and objects are at least 1, heights 0.001 to 1, MIN before MAX")
    frames = load_coco(args.boxes).faultless()
    ids = {name: number for number, name in frames.categories.items()}
    if args.name not in ids:
        raise UserError(f"{args.boxes}: no category '{args.name}'{did_you_mean(args.name, ids)}")
    if args.out.exists():
        raise UserError(f"{args.out}: exists already; name a new folder")
    names = [_name(labels.file) for labels in frames.images.values()]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{args.boxes}: two frames would be written as '{twice}.jpg'; rename one")
    cutouts = [cutout for pictures, masks, value in args.cutouts for cutout in read_cutouts(Path(pictures), Path(masks), value)]
    ground = Ground.of(frames, ids[args.name], args.name)
    ignored, rng = {ids[IGNORE_CATEGORY]} if IGNORE_CATEGORY in ids else set(), np.random.default_rng(args.seed)
    (args.out / "images").mkdir(parents=True)
    images, annotations, pasted = [], [], 0
    for copy, labels in product(range(args.copies), frames.images.values()):
        scene = Scene.of(read_image(args.images / labels.file), labels, ignored)
        count = int(rng.integers(args.objects[0], args.objects[1] + 1))
        pasted += crowd(scene, cutouts, ground, ids[args.name], np.exp(rng.uniform(*np.log(args.heights), count)), rng)
        name = f"{copy}_{_name(labels.file)}.jpg"
        pixels = scene.image.clip(0, 255).round().astype(np.uint8)
        cv2.imwrite(str(args.out / "images" / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        images.append({"id": len(images), "file_name": name, "height": labels.hw[0], "width": labels.hw[1]})
        annotations += _annotations(scene, labels, len(images) - 1, len(annotations) + 1)
    categories = [{"id": number, "name": name} for number, name in frames.categories.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (args.out / "boxes.json").write_text(json.dumps(content), encoding="utf-8")
    return f"{args.out}: {len(images)} frames with {pasted} pasted objects of {len(cutouts)} cut-outs"


def _name(file: str) -> str:
    """Of a frame, without suffix, with its folders."""
    return "_".join(Path(file).with_suffix("").parts)


def _annotations(scene: Scene, labels: CocoImage, image: int, first: int) -> list[dict]:
    """Those of the frame, in their order, then the pasted ones."""
    crowds = [int(box[5]) for box in labels.boxes] + [0] * (len(scene.xyxy) - len(labels.boxes))
    return [{"id": first + place, "image_id": image, "category_id": category, "bbox": [x, y, right - x, bottom - y],
             "area": (right - x) * (bottom - y), "iscrowd": is_crowd}
            for place, (category, (x, y, right, bottom), is_crowd) in enumerate(zip(scene.categories, scene.xyxy.tolist(), crowds))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
