"""Raw outputs of all tasks -> predictions in original pixels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtzoo.ops import affine
from mtzoo.ops.boxes import clip_boxes
from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.postprocess.boxes import DecodedBoxes, decode_detections
from mtzoo.postprocess.decoders import AsIs, BoxDecoder, ClassDecoder, Decoder, LabelMapDecoder
from mtzoo.postprocess.image_class import classify
from mtzoo.postprocess.label_map import label_map
from mtzoo.structures import Detections, Prediction, RawOutputs


def to_original(decoded: DecodedBoxes, to_input: np.ndarray, original_hw: tuple[int, int]) -> Detections:
    """Boxes in input pixels -> original pixels, clipped to the image; those wholly outside of it are dropped.

    to_input: (2, 3) original -> input pixels.
    """
    boxes = affine.map_boxes(affine.invert(to_input), decoded.boxes.cpu().numpy())
    boxes = clip_boxes(torch.from_numpy(boxes), original_hw).numpy()
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[seen], decoded.scores.cpu().numpy()[seen], decoded.labels.cpu().numpy()[seen])


Add = Callable[[list[Prediction], str, Mapping[str, Tensor], Any, Sequence[np.ndarray], Sequence[tuple[int, int]]], None]
"""(the batch's predictions, which it adds to; task; its raw outputs; its decoder; affines; original_hws of `to_prediction`)."""


def to_prediction(outputs: RawOutputs, affines: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]],
                  decoders: Mapping[str, Decoder]) -> list[Prediction]:
    """Raw outputs of a batch -> N predictions in original pixels.

    affines: N of (2, 3), original -> input pixels; decoders: one per task of `outputs`. Pixels of a label map that the
    input does not show are 0. Maps that stay as they are, are no part of a prediction.
    """
    predictions = [Prediction() for _ in original_hws]
    for task, maps in outputs.items():
        _ADD[type(decoders[task])](predictions, task, maps, decoders[task], affines, original_hws)
    return predictions


def _add_boxes(predictions: list[Prediction], task: str, maps: Mapping[str, Tensor], decoder: BoxDecoder,
               affines: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> None:
    for n, decoded in enumerate(decode_detections(maps, decoder)):
        predictions[n].detections[task] = to_original(decoded, affines[n], original_hws[n])


def _add_label_maps(predictions: list[Prediction], task: str, maps: Mapping[str, Tensor], decoder: LabelMapDecoder,
                    affines: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> None:
    labels = label_map(maps["logits"], decoder).cpu().numpy()  # (N, H', W')
    for n, original_hw in enumerate(original_hws):
        predictions[n].label_maps[task] = SmallLabelMap(labels[n], decoder.map_stride, affines[n], original_hw)


def _add_classes(predictions: list[Prediction], task: str, maps: Mapping[str, Tensor], decoder: ClassDecoder,
                 affines: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> None:
    logits = maps["logits"].float().flatten(1).cpu().numpy()  # (N, K)
    for prediction, row in zip(predictions, logits, strict=True):
        prediction.classifications[task] = classify(row, decoder)


def _add_nothing(*_: object) -> None:
    """Of a network whose maps only its user can read."""


_ADD: dict[type, Add] = {BoxDecoder: _add_boxes, LabelMapDecoder: _add_label_maps, ClassDecoder: _add_classes, AsIs: _add_nothing}
