"""Raw outputs of all tasks -> predictions in original pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mtzoo.ops import affine
from mtzoo.ops.boxes import clip_boxes
from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.postprocess.as_is import AsIs
from mtzoo.postprocess.boxes import BoxDecoder, DecodedBoxes, decode_detections
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map
from mtzoo.structures import Detections, Prediction, RawOutputs

Decoder = BoxDecoder | LabelMapDecoder | AsIs


def to_original(decoded: DecodedBoxes, to_input: np.ndarray, original_hw: tuple[int, int]) -> Detections:
    """Boxes in input pixels -> original pixels, clipped to the image; those wholly outside of it are dropped.

    to_input: (2, 3) original -> input pixels.
    """
    boxes = affine.map_boxes(affine.invert(to_input), decoded.boxes.cpu().numpy())
    boxes = clip_boxes(torch.from_numpy(boxes), original_hw).numpy()
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[seen], decoded.scores.cpu().numpy()[seen], decoded.labels.cpu().numpy()[seen])


def to_prediction(outputs: RawOutputs, affines: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]],
                  decoders: Mapping[str, Decoder]) -> list[Prediction]:
    """Raw outputs of a batch -> N predictions in original pixels.

    affines: N of (2, 3), original -> input pixels; decoders: one per task of `outputs`. Pixels of a label map that the
    input does not show are 0. Maps that stay as they are, are no part of a prediction.
    """
    predictions = [Prediction() for _ in original_hws]
    for task, maps in outputs.items():
        decoder = decoders[task]
        if isinstance(decoder, BoxDecoder):
            for n, decoded in enumerate(decode_detections(maps, decoder)):
                predictions[n].detections[task] = to_original(decoded, affines[n], original_hws[n])
        elif isinstance(decoder, LabelMapDecoder):
            labels = label_map(maps["logits"], decoder).cpu().numpy()  # (N, H', W')
            for n, original_hw in enumerate(original_hws):
                predictions[n].label_maps[task] = SmallLabelMap(labels[n], decoder.map_stride, affines[n], original_hw)
    return predictions
