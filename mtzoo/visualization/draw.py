"""Pictures of what a network says and of what the labels say, in the image's own size. Pure: the input image stays as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mtzoo.structures import IGNORE, DistinctRows, Enlargeable, Prediction, Sample, Xyxy, distinct_rows
from mtzoo.visualization.colors import ColorBGR, class_color
from mtzoo.visualization.text import Legend, Rect, TextStyle, draw_label, place_label

BACKGROUND = "background"
"""A class of this name is not painted; a map that has it marks thin things (lanes), which are painted strongly."""

STRIP = 128
"""Rows that are painted at a time: what one step writes, the next finds in the cache."""
DENSE_ALPHA, SPARSE_ALPHA = 0.45, 0.85
IGNORED_COLOR: ColorBGR = (160, 160, 160)
WINDOW_COLOR: ColorBGR = (255, 255, 255)
Classes = Mapping[str, Sequence[str]]
Maps = Mapping[str, DistinctRows]  # task -> label map of the image's size


class _Box(NamedTuple):
    """xyxy: of the image's pixels; name: of its class; note: what follows it."""

    xyxy: np.ndarray
    name: str
    note: str
    color: ColorBGR


def draw_prediction(image: np.ndarray, prediction: Prediction, classes: Classes, *, min_score: float = 0.3,
                    window: Xyxy | None = None, legend: bool = True) -> np.ndarray:
    """Label maps, boxes with names and scores, classes of the whole image, and a legend over an image.

    image: (H, W, 3) uint8 BGR; prediction: boxes and maps in its pixels; classes: task -> class names;
    min_score: weaker boxes are left out; window: what a crop model saw, framed. Returns (H, W, 3) uint8 BGR.
    """
    label_maps = _in_order(prediction.label_maps.sources)
    out = paint_label_maps(image, label_maps, classes)
    if window is not None:
        x1, y1, x2, y2 = _corners(np.array(window))
        cv2.rectangle(out, (x1, y1), (x2 - 1, y2 - 1), WINDOW_COLOR, TextStyle.for_image(image.shape[:2]).thickness)
    boxes: list[_Box] = []
    for task, found in prediction.detections.items():
        for xyxy, score, label in zip(found.boxes, found.scores, found.labels):
            if score >= min_score:
                name = classes[task][int(label)]
                boxes.append(_Box(xyxy, name, f" {100 * score:.0f}", class_color(name)))
    captions = {task: (classes[task][found.label], f" {100 * found.score:.0f}") for task, found in prediction.classifications.items()}
    _draw_answers(out, boxes, captions, _present(label_maps, classes, boxes) if legend else {})
    return out


def draw_ground_truth(sample: Sample, classes: Classes) -> np.ndarray:
    """The labels of a sample over its image, ignore regions in grey. (H, W, 3) uint8 BGR.

    Labels have to be in the image's pixels: a sample as read or as trained on, not one whose image alone went through the
    deploy geometry.
    """
    label_maps = _in_order(sample.masks)
    out = paint_label_maps(sample.image, label_maps, classes)
    boxes: list[_Box] = []
    for task, truth in sample.boxes.items():
        for xyxy, label, ignore in zip(truth.xyxy, truth.labels, truth.ignore):
            name = classes[task][int(label)]
            boxes.append(_Box(xyxy, f"ignore {name}", "", IGNORED_COLOR) if ignore else _Box(xyxy, name, "", class_color(name)))
    captions = {task: (classes[task][label], "") for task, label in sample.image_labels.items()}
    _draw_answers(out, boxes, captions, _present(label_maps, classes, boxes))
    return out


def _in_order(label_maps: Mapping[str, np.ndarray | Enlargeable]) -> dict[str, DistinctRows]:
    return {task: distinct_rows(label_map, unseen=IGNORE).in_order() for task, label_map in label_maps.items()}


def paint_label_maps(image: np.ndarray, label_maps: Maps, classes: Classes) -> np.ndarray:
    """A copy of `image` with label maps blended over it: dense ones first, then those of thin things.

    label_maps: rows in order. IGNORE and the background class stay unpainted. Colours are looked up for each distinct row of a small
    map, not for each pixel.
    """
    coats = [_Coat.of(classes[task], label_maps[task]) for task in sorted(label_maps, key=lambda t: BACKGROUND in classes[t])]
    out = np.empty_like(image)
    for top in range(0, image.shape[0], STRIP):
        strip = slice(top, top + STRIP)
        below = image[strip]
        for coat in coats:
            coat.paint(below, strip, out[strip])
            below = out[strip]
        if not coats:
            out[strip] = below
    return out


@dataclass(frozen=True)
class _Coat:
    """One label map as paint. table: (256, 1, 3) label -> colour; painted: (256,) 1 for labels that are painted at all."""

    labels: DistinctRows
    table: np.ndarray
    painted: np.ndarray
    alpha: float

    @classmethod
    def of(cls, names: Sequence[str], labels: DistinctRows) -> "_Coat":
        table, painted = np.zeros((256, 1, 3), dtype=np.uint8), np.zeros(256, dtype=np.uint8)
        for k, name in enumerate(names):
            table[k, 0], painted[k] = class_color(name), name != BACKGROUND
        return cls(labels, table, painted, SPARSE_ALPHA if BACKGROUND in names else DENSE_ALPHA)

    def paint(self, below: np.ndarray, strip: slice, out: np.ndarray) -> None:
        """Blend the colours over these rows of an image, (h, W, 3), into `out`, which may be `below` itself. What lies around all
        painted pixels is only copied, since lanes are thin."""
        index = self.labels.index[strip]
        labels = self.labels.rows[index[0]:index[-1] + 1]
        index = index - index[0]
        if self.painted[:int(cv2.minMaxLoc(labels)[1]) + 1].all():  # a mask takes as long as the rest
            self._blend(below, labels, index, out)
            return
        if out is not below:
            out[:] = below
        mask = cv2.LUT(labels, self.painted)
        x, y, width, height = cv2.boundingRect(mask)
        rows, columns = slice(*np.searchsorted(index, (y, y + height))), slice(x, x + width)
        if width and height:
            box = out[rows, columns]
            blended = np.empty_like(box)
            self._blend(box, labels[y:y + height, columns], index[rows] - y, blended)
            cv2.copyTo(blended, mask[y:y + height, columns].take(index[rows] - y, axis=0), box)

    def _blend(self, below: np.ndarray, labels: np.ndarray, index: np.ndarray, out: np.ndarray) -> None:
        colors = cv2.applyColorMap(labels, self.table).take(index, axis=0)
        cv2.addWeighted(below, 1 - self.alpha, colors, self.alpha, 0, dst=out)


def _draw_answers(image: np.ndarray, boxes: Sequence[_Box], captions: Mapping[str, tuple[str, str]],
                  present: Mapping[str, ColorBGR]) -> None:
    """Rectangles, small ones last, so that they stay visible; then labels, so that no line crosses a text; then the legend.

    captions: of the whole image, task -> (class, what follows it); present: name -> colour in the legend.
    """
    style = TextStyle.for_image(image.shape[:2])
    legend = Legend.laid_out(list(present.items()), style, image.shape[:2])
    boxes = sorted(boxes, key=_area, reverse=True)
    corners = [_corners(box.xyxy) for box in boxes]
    for (x1, y1, x2, y2), box in zip(corners, boxes):
        if style.thickness > 1:  # a dark rim sets the line off; small images have no room for it
            cv2.rectangle(image, (x1, y1), (x2, y2), (0, 0, 0), style.thickness + 3)
        cv2.rectangle(image, (x1, y1), (x2, y2), box.color, style.thickness + 1)
    labels = _place_captions(captions, style, image.shape[1])
    taken: list[Rect] = [(x, y, image.shape[1], y + style.size(text)[1]) for text, (x, y), _ in labels]
    for place, box in zip(corners, boxes):
        text = style.fitted(box.name, box.note, image.shape[1])
        corner = place_label(place, style.size(text), taken, (legend.top, image.shape[1]))
        taken.append(draw_label(image, text, corner, box.color, style))
    for text, corner, color in labels:
        draw_label(image, text, corner, color, style)
    legend.draw(image)


def _place_captions(captions: Mapping[str, tuple[str, str]], style: TextStyle,
                    width: int) -> list[tuple[str, tuple[int, int], ColorBGR]]:
    """(text, top left corner, colour) of the labels of the whole image, below one another at its upper right."""
    placed, y = [], 0
    for task, (name, note) in captions.items():
        text = style.fitted(f"{task}: {name}", note, width)
        own_width, height = style.size(text)
        placed.append((text, (max(width - own_width, 0), y), class_color(name)))
        y += height
    return placed


def _corners(xyxy: np.ndarray) -> Rect:
    x1, y1, x2, y2 = (round(float(v)) for v in xyxy)
    return x1, y1, x2, y2


def _area(box: _Box) -> float:
    x1, y1, x2, y2 = box.xyxy
    return float((x2 - x1) * (y2 - y1))


def _present(label_maps: Maps, classes: Classes, boxes: Sequence[_Box]) -> dict[str, ColorBGR]:
    """Name -> colour of the classes that a picture shows, without ignore regions and classes that are nowhere two pixels wide and high:
    every second column of every second row is counted."""
    present: dict[str, ColorBGR] = {}
    for task, (rows, index) in label_maps.items():
        counted = np.ascontiguousarray(rows[np.unique(index[::2]), ::2])
        counts = cv2.calcHist([counted], [0], None, [256], [0, 256]).ravel()  # NumPy would make 64 bit numbers of the whole map
        names = [name for k, name in enumerate(classes[task]) if counts[k] and name != BACKGROUND]
        present |= {name: class_color(name) for name in names}
    return present | {box.name: box.color for box in boxes if box.color != IGNORED_COLOR}
