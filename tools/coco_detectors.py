"""Published detectors of COCO's 80 classes as functions of an image: FastestDet, NanoDet and YOLOv5, from ONNX files.

- FastestDet: github.com/dog-qiuqiu/FastestDet, BSD-3-Clause; its ONNX file.
- NanoDet, its first version with six outputs: github.com/RangiLyu/nanodet, Apache-2.0; an ONNX file that tfjs_to_onnx.py has made.
- YOLOv5: github.com/ultralytics/yolov5, AGPL-3.0; in the same way.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from mtzoo.errors import UserError
from mtzoo.ops.geometry import resize
from mtzoo.structures import Detections

SCORE_THRESHOLD, NMS_IOU = 0.02, 0.5
TILE_OVERLAP = 0.25
"""Of a tile's side, at least."""
CUT = 3
"""Pixels: a box this close to a border between tiles is cut off there and left to the next tile."""
GREY = 114
"""Of what lies beside an image in a square tile."""

Look = Callable[[np.ndarray], Detections]
"""Image (H, W, 3) uint8 BGR -> boxes xyxy in its pixels, scores and labels, from 0 in COCO's order of 80 classes."""


def session_of(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the ONNX file of a published detector")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def fastestdet(path: Path, threads: int) -> Look:
    """Output (1, 85, H, W) of objectness, box and class scores, decoded as its repository does. The image is stretched."""
    session = session_of(path, threads)
    (given,) = session.get_inputs()
    side = given.shape[-1]

    def look(image: np.ndarray) -> Detections:
        pixels = resize(image, (side, side)).astype(np.float32).transpose(2, 0, 1)[None] / 255
        found = session.run(None, {given.name: pixels})[0][0]
        rows, columns = np.mgrid[:found.shape[1], :found.shape[2]]
        scores = (found[0] ** 0.6 * found[5:].max(0) ** 0.4).ravel()
        centre = np.stack([columns + np.tanh(found[1]), rows + np.tanh(found[2])], -1).reshape(-1, 2) / found.shape[:0:-1]
        size = 1 / (1 + np.exp(-found[3:5].transpose(1, 2, 0).reshape(-1, 2)))
        hw = np.array(image.shape[1::-1], np.float32)
        boxes = np.concatenate([(centre - size / 2) * hw, (centre + size / 2) * hw], -1).astype(np.float32)
        wanted = scores >= SCORE_THRESHOLD
        return suppressed(boxes[wanted], scores[wanted], found[5:].argmax(0).ravel()[wanted])

    return look


def nanodet(path: Path, threads: int, scale: float | None = None) -> Look:
    """For each stride class scores (1, N, 80) and four distributions of distances (1, N, 4 x D) in strides. See `tiled` for `scale`."""
    session = session_of(path, threads)
    (given,) = session.get_inputs()
    side, mean, std = given.shape[-1], np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])

    def look(tile: np.ndarray) -> Detections:
        found = session.run(None, {given.name: ((tile - mean) / std).transpose(2, 0, 1)[None]})
        scores = {part.shape[1]: part[0] for part in found if part.shape[2] == 80}
        distances = {part.shape[1]: part[0] for part in found if part.shape[2] != 80}
        return _joined([_of_stride(scores[count], distances[count], side) for count in scores])

    return tiled(look, side, scale)


def _of_stride(scores: np.ndarray, distances: np.ndarray, side: int) -> Detections:
    cells = round(len(scores) ** 0.5)
    shares = np.exp(distances.reshape(len(scores), 4, -1))
    reach = (shares / shares.sum(-1, keepdims=True)) @ np.arange(shares.shape[-1], dtype=np.float32) * (side / cells)
    rows, columns = np.mgrid[:cells, :cells]
    centres = (np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) * (side / cells)
    places, labels = np.nonzero(scores >= SCORE_THRESHOLD)
    boxes = np.concatenate([centres - reach[:, :2], centres + reach[:, 2:]], -1)
    return Detections(boxes[places].astype(np.float32), scores[places, labels], labels)


def yolov5(path: Path, threads: int, scale: float | None = None) -> Look:
    """Input N H W C of 0..1, output (1, N, 85): centre and size in shares of the input, objectness, class scores.

    See `tiled` for `scale`.
    """
    session = session_of(path, threads)
    (given,) = session.get_inputs()
    side = given.shape[1]

    def look(tile: np.ndarray) -> Detections:
        found = session.run(None, {given.name: np.ascontiguousarray(tile[None, ..., ::-1]).astype(np.float32) / 255})[0][0]
        scores = found[:, 4:5] * found[:, 5:]
        places, labels = np.nonzero(scores >= SCORE_THRESHOLD)
        centres, sizes = found[places, :2] * side, found[places, 2:4] * side
        return Detections(np.concatenate([centres - sizes / 2, centres + sizes / 2], -1), scores[places, labels], labels)

    return tiled(look, side, scale)


def tiled(look: Look, side: int, scale: float | None) -> Look:
    """Square tiles of `side` pixels for a detector of that input.

    scale: of the image, whose tiles overlap; None: the whole image in one tile.
    """

    def of_image(image: np.ndarray) -> Detections:
        factor = side / max(image.shape[:2]) if scale is None else scale
        scaled = resize(image, (round(image.shape[0] * factor), round(image.shape[1] * factor)))
        found = [_of_tile(look, scaled, y, x, side) for y in _starts(scaled.shape[0], side) for x in _starts(scaled.shape[1], side)]
        boxes, scores, labels = _joined(found)
        return suppressed(boxes / factor, scores, labels)

    return of_image


def _starts(size: int, side: int) -> list[int]:
    if size <= side:
        return [0]
    overlap = int(side * TILE_OVERLAP)
    return np.linspace(0, size - side, -(-(size - overlap) // (side - overlap))).round().astype(int).tolist()


def _of_tile(look: Look, image: np.ndarray, y: int, x: int, side: int) -> Detections:
    """In pixels of the image, without boxes that a border to the next tile cuts off."""
    part = image[y:y + side, x:x + side]
    tile = np.full((side, side, 3), GREY, np.uint8)
    tile[:part.shape[0], :part.shape[1]] = part
    boxes, scores, labels = look(tile)
    cut = (((x > 0) & (boxes[:, 0] < CUT)) | ((y > 0) & (boxes[:, 1] < CUT))
           | ((x + side < image.shape[1]) & (boxes[:, 2] > side - CUT)) | ((y + side < image.shape[0]) & (boxes[:, 3] > side - CUT)))
    return Detections(boxes[~cut] + np.float32([x, y, x, y]), scores[~cut], labels[~cut])


def _joined(found: Sequence[Detections]) -> Detections:
    boxes, scores, labels = zip(*found)
    return Detections(np.concatenate(boxes), np.concatenate(scores), np.concatenate(labels))


def suppressed(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Detections:
    """What NMS leaves, class by class, by falling score."""
    xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], -1)
    kept = np.array(cv2.dnn.NMSBoxesBatched(xywh, scores, labels, SCORE_THRESHOLD, NMS_IOU), int).ravel()
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Detections(boxes[kept], scores[kept], labels[kept])
