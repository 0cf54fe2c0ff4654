"""A published detector beside ours, on the same labelled frames: AP50 and AP by class and by the size of the boxes.

    python tools/detection_peers.py --fastestdet ../shared/weights/fastestdet/FastestDet.onnx \\
        --images data/dashcam/dashcam_cn/val/images --boxes data/dashcam/dashcam_cn/val/boxes.json --model MODEL.onnx

FastestDet (github.com/dog-qiuqiu/FastestDet, BSD-3-Clause) knows COCO's 80 classes: car, bus and truck count as vehicle, bicycle and
motorcycle, which it boxes without their riders, as cyclist. Frames have boxes of vehicles, persons and cyclists. With --resize and
--crop a pair of ours is judged, merged as `mtzoo predict` does.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from mtzoo.data.groups import Record, build_groups
from mtzoo.data.images import read_image
from mtzoo.data.sources import CocoBoxes, TaskData
from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.locate import find_model
from mtzoo.ops.geometry import resize
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from mtzoo.structures import Detections, Prediction, Sample

CLASSES = ("vehicle", "person", "cyclist")
OF_COCO = {0: 1, 1: 2, 2: 0, 3: 2, 5: 0, 7: 0}
"""COCO's class id, from 0 -> place in CLASSES."""
CELLS, SIDE = 22, 352
SCORE_THRESHOLD, NMS_IOU = 0.02, 0.45


Look = Callable[[np.ndarray], Detections]
"""Image (H, W, 3) uint8 BGR -> boxes xyxy in its pixels, labels as places in CLASSES."""


def fastestdet(path: Path, threads: int) -> Look:
    """The published ONNX file: (1, 85, 22, 22) of objectness, box and class scores, decoded as its repository does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows, columns = np.mgrid[:CELLS, :CELLS]

    def look(image: np.ndarray) -> Detections:
        pixels = resize(image, (SIDE, SIDE)).astype(np.float32).transpose(2, 0, 1)[None] / 255
        found = session.run(None, {name: pixels})[0][0]
        scores = (found[0] ** 0.6 * found[5:].max(0) ** 0.4).ravel()
        centre = np.stack([columns + np.tanh(found[1]), rows + np.tanh(found[2])], -1).reshape(-1, 2) / CELLS
        size = 1 / (1 + np.exp(-found[3:5].transpose(1, 2, 0).reshape(-1, 2)))
        hw = np.array(image.shape[1::-1], np.float32)
        boxes = np.concatenate([(centre - size / 2) * hw, (centre + size / 2) * hw], -1).astype(np.float32)
        labels = np.array([OF_COCO.get(k, -1) for k in found[5:].argmax(0).ravel()])
        wanted = (labels >= 0) & (scores >= SCORE_THRESHOLD)
        return suppressed(boxes[wanted], scores[wanted], labels[wanted])

    return look


def suppressed(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Detections:
    """What NMS leaves, class by class."""
    xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], -1)
    kept = np.array(cv2.dnn.NMSBoxesBatched(xywh, scores, labels, SCORE_THRESHOLD, NMS_IOU), int).ravel()
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Detections(boxes[kept], scores[kept], labels[kept])


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


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fastestdet", type=Path, required=True, help="FastestDet's ONNX file")
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
    looks = {"FastestDet": fastestdet(args.fastestdet, args.threads)}
    looks |= {path.stem: ours(DeployModel.load(path, threads=args.threads)) for path in args.model}
    if args.resize is not None:
        pair = ModelPair.load(find_model(args.resize), find_model(args.crop), threads=args.threads)
        looks |= {"the resize model": ours(pair.resize), "the pair, merged": ours(pair)}
    print(table(looks, frames.records))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
