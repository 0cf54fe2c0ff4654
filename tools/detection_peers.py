"""Published detectors beside ours, on the same labelled frames: AP50 and AP by class and by the size of the boxes.

    python tools/detection_peers.py --fastestdet WEIGHTS/fastestdet/FastestDet.onnx --nanodet nanodet.onnx \\
        --images data/dashcam/dashcam_cn/val/images --boxes data/dashcam/dashcam_cn/val/boxes.json --model MODEL.onnx

coco_detectors.py names the published ones and their licences. They know COCO's 80 classes: car, bus and truck count as vehicle,
bicycle and motorcycle, which they box without their riders, as cyclist. Frames have boxes of vehicles, persons and cyclists. NanoDet
and YOLOv5 see the whole frame, and tiles of it at half and at full size. With --resize and --crop a pair of ours is judged, merged as
`mtzoo predict` does.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from coco_detectors import Look, fastestdet, nanodet, suppressed, yolov5
from one_line_errors import one_line_errors

from mtzoo.data.groups import Record, build_groups
from mtzoo.data.images import read_image
from mtzoo.data.sources import CocoBoxes, TaskData
from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.locate import find_model
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from mtzoo.structures import Detections, Prediction, Sample

CLASSES = ("vehicle", "person", "cyclist")
OF_COCO = {0: 1, 1: 2, 2: 0, 3: 2, 5: 0, 7: 0}
"""COCO's class id, from 0 -> place in CLASSES."""
SCALES = {"whole frame": None, "half size": 0.5, "full size": 1.0}
"""At which the detectors that can be tiled are judged."""


def renamed(look: Look) -> Look:
    """Those boxes of a detector of COCO's classes that are one of CLASSES."""

    def of_ours(image: np.ndarray) -> Detections:
        boxes, scores, labels = look(image)
        wanted = np.isin(labels, list(OF_COCO))
        return suppressed(boxes[wanted], scores[wanted], np.array([OF_COCO[label] for label in labels[wanted]], int))

    return of_ours


def ours(model: DeployModel | ModelPair) -> Look:
    """Those boxes of all detection tasks whose class is one of CLASSES."""
    names = {(task, k): name for task, classes in model.classes.items() for k, name in enumerate(classes)}
    places = {key: CLASSES.index(name) for key, name in names.items() if name in CLASSES}

    def look(image: np.ndarray) -> Detections:
        rows = [(box, score, places[task, int(label)])
                for task, found in model.predict(image).detections.items()
                for box, score, label in zip(*found) if (task, int(label)) in places]
        rows.sort(key=lambda row: -row[1])
        boxes, scores, labels = zip(*rows) if rows else ((), (), ())
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(labels, np.int64))

    return look


def judged(look: Look, records: Sequence[Record]) -> CocoBoxMetric:
    metric = CocoBoxMetric("boxes", CLASSES)
    for record in records:
        image = read_image(record.path)
        metric.add(Prediction({"boxes": look(image)}), Sample(image, record.path, "", image.shape[:2], np.eye(2, 3), record.boxes))
    return metric


def table(looks: Mapping[str, Look], records: Sequence[Record]) -> str:
    """In Markdown."""
    lines = ["| network | " + " | ".join(f"AP50 {name}" for name in CLASSES) + " | AP50 small | medium | large | AP |",
             "|---|" + "---:|" * (len(CLASSES) + 4)]
    for name, look in looks.items():
        metric = judged(look, records)
        values, sizes = metric.compute(), metric.by_size()["AP50"]
        cells = [*(values[f"AP50/{c}"] for c in CLASSES), sizes["small"], sizes["medium"], sizes["large"], values["AP"]]
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in cells) + " |")
    return "\n".join(lines)


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fastestdet", type=Path, help="FastestDet's ONNX file")
    parser.add_argument("--nanodet", type=Path, help="NanoDet's, see tfjs_to_onnx.py")
    parser.add_argument("--yolov5", type=Path, help="YOLOv5's, see tfjs_to_onnx.py")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--boxes", type=Path, required=True, help="COCO file of the frames, with the classes vehicle, person, cyclist")
    parser.add_argument("--model", type=Path, nargs="*", default=[], help="deploy models of ours")
    parser.add_argument("--resize", help="a pair of ours: the deploy model of the whole image")
    parser.add_argument("--crop", help="and that of a window at full resolution")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    if (args.resize is None) != (args.crop is None):
        parser.error("--resize and --crop go together: a pair has both")
    source = CocoBoxes(name="frames", images=str(args.images), annotations=str(args.boxes), follow_links=True)
    (frames,) = build_groups([TaskData("boxes", "detection", CLASSES, (source,))])
    looks = {"FastestDet": renamed(fastestdet(args.fastestdet, args.threads))} if args.fastestdet else {}
    for name, path, detector in (("NanoDet", args.nanodet, nanodet), ("YOLOv5s", args.yolov5, yolov5)):
        if path is not None:
            looks |= {f"{name}, {words}": renamed(detector(path, args.threads, scale)) for words, scale in SCALES.items()}
    looks |= {path.stem: ours(DeployModel.load(path, threads=args.threads)) for path in args.model}
    if args.resize is not None:
        pair = ModelPair.load(find_model(args.resize), find_model(args.crop), threads=args.threads)
        looks |= {"the resize model": ours(pair.resize), "the pair, merged": ours(pair)}
    print(table(looks, frames.records))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
