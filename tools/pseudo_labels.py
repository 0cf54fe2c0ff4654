"""Labels vehicles, persons and cyclists in images by a published detector, for sets that do not label them (pseudo-labels).

    python tools/pseudo_labels.py --nanodet nanodet.onnx --images DIR --out OUT
    python tools/pseudo_labels.py --nanodet nanodet.onnx --images DIR --boxes BOXES.json --rename stop=sign --out OUT

OUT gets images/, a link, and boxes.json, a COCO file. What is found at a score of SURE is a label, what is found at less, down to
UNSURE, an ignore region. A bicycle or motorcycle and the person on it are one cyclist; without a rider it is an ignore region. The
labels of --boxes are kept.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from coco_detectors import Look, nanodet
from one_line_errors import one_line_errors

from mtzoo.data.coco import load_coco
from mtzoo.data.images import IMAGE_SUFFIXES, read_image
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError
from mtzoo.progress import counted, show_progress
from mtzoo.structures import Detections

VEHICLE, PERSON, CYCLIST = "vehicle", "person", "cyclist"
PERSON_ID, VEHICLE_IDS, CYCLE_IDS = 0, (2, 5, 7), (1, 3)
"""COCO's class ids, from 0: car, bus and truck; bicycle and motorcycle."""
SURE, SURE_CYCLIST, UNSURE = 0.45, 0.35, 0.2


class Label(NamedTuple):
    """A category and its box, xywh in pixels."""

    name: str
    xywh: tuple[float, float, float, float]


def labels_of(found: Detections, hw: Sequence[int]) -> Iterator[Label]:
    """Those of one image of (height, width) pixels."""
    boxes = found.boxes.clip(0, [hw[1], hw[0], hw[1], hw[0]])
    likely = np.flatnonzero(found.scores >= UNSURE)
    persons = [place for place in likely if found.labels[place] == PERSON_ID]
    for cycle in likely:
        if found.labels[cycle] in CYCLE_IDS:
            rider = next((place for place in persons if _rides(boxes[place], boxes[cycle])), None)  # boxes come by falling score
            if rider is None:
                yield _label(IGNORE_CATEGORY, boxes[cycle])
                continue
            persons.remove(rider)
            both = np.concatenate([np.minimum(boxes[cycle][:2], boxes[rider][:2]), np.maximum(boxes[cycle][2:], boxes[rider][2:])])
            sure = min(found.scores[cycle], found.scores[rider]) >= SURE_CYCLIST
            yield _label(CYCLIST if sure else IGNORE_CATEGORY, both)
    vehicles = [place for place in likely if found.labels[place] in VEHICLE_IDS]
    for name, places in ((VEHICLE, vehicles), (PERSON, persons)):
        for place in places:
            yield _label(name if found.scores[place] >= SURE else IGNORE_CATEGORY, boxes[place])


def _rides(person: np.ndarray, cycle: np.ndarray) -> bool:
    """Whether a person (xyxy) sits on a cycle: above it, and not much higher or lower than it is."""
    height, cycle_height = person[3] - person[1], max(cycle[3] - cycle[1], 1e-6)
    return bool(cycle[0] <= (person[0] + person[2]) / 2 <= cycle[2] and cycle[1] < person[3] - 0.1 * height
                and person[1] < cycle[1] + 0.2 * cycle_height and person[3] > cycle[1] + 0.15 * cycle_height
                and 0.35 * cycle_height < height < 2.5 * cycle_height)


def _label(name: str, xyxy: np.ndarray) -> Label:
    left, top, right, bottom = (float(side) for side in xyxy)
    return Label(name, (left, top, right - left, bottom - top))


def read_labels(path: Path, renamed: Mapping[str, str]) -> dict[str, list[Label]]:
    """File name -> labels of a COCO file. Raises UserError for a faulty file and for a category to rename that it has not."""
    known = load_coco(path).faultless()
    missing = sorted(set(renamed) - set(known.categories.values()))
    if missing:
        raise UserError(f"--rename {missing[0]}: {path} has no such category, but {', '.join(known.categories.values())}")
    names = {number: renamed.get(name, name) for number, name in known.categories.items()}
    return {image.file: [Label(IGNORE_CATEGORY if crowd else names[category], tuple(xywh)) for category, *xywh, crowd in image.boxes]
            for image in known.images.values()}


def write_labelled(args: argparse.Namespace, look: Look) -> str:
    """Write the folder; says what is in it."""
    if args.out.exists():
        raise UserError(f"{args.out}: exists already; name a new folder")
    kept = read_labels(args.boxes, dict(args.rename)) if args.boxes else {}
    paths = sorted(path for path in args.images.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise UserError(f"--images {args.images}: holds no image")
    args.out.mkdir(parents=True)
    (args.out / "images").symlink_to(args.images.resolve())
    images, labels = [], []
    with show_progress("labelling") as on_progress:
        for number, path in enumerate(counted(paths, on_progress)):
            image, name = read_image(path), path.relative_to(args.images).as_posix()
            images.append({"id": number, "file_name": name, "height": image.shape[0], "width": image.shape[1]})
            labels += [(number, label) for label in (*labels_of(look(image), image.shape[:2]), *kept.get(name, ()))]
    names = list(dict.fromkeys([VEHICLE, PERSON, CYCLIST, IGNORE_CATEGORY, *(label.name for of in kept.values() for label in of)]))
    annotations = [{"id": number, "image_id": image, "category_id": names.index(label.name) + 1, "bbox": label.xywh,
                    "area": label.xywh[2] * label.xywh[3], "iscrowd": 0} for number, (image, label) in enumerate(labels, 1)]
    content = {"images": images, "annotations": annotations, "categories": [{"id": k, "name": name} for k, name in enumerate(names, 1)]}
    (args.out / "boxes.json").write_text(json.dumps(content), encoding="utf-8")
    counts = Counter(label.name for _, label in labels)
    return f"{args.out}: {len(images)} images; " + ", ".join(f"{counts[name]} {name}" for name in names)


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"'{text}': expected OLD=NEW")
    return old, new


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanodet", type=Path, required=True, help="NanoDet's ONNX file, see tfjs_to_onnx.py")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--boxes", type=Path, help="a COCO file of labels to keep")
    parser.add_argument("--rename", type=_pair, nargs="*", default=[], metavar="OLD=NEW", help="of categories of --boxes")
    parser.add_argument("--scale", type=float, help="look at tiles of the image at this scale, not at all of it at once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    args = parser.parse_args(argv)
    print(write_labelled(args, nanodet(args.nanodet, args.threads, args.scale)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
