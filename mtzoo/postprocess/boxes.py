"""Raw maps of one detection task -> boxes in input pixels. The reference the exported graph has to reproduce."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mtzoo.ops.box_maps import box_strides
from mtzoo.ops.boxes import clip_boxes, flatten_levels
from mtzoo.postprocess.decoders import BoxDecoder


class DecodedBoxes(NamedTuple):
    """One image: boxes (D, 4) float32 xyxy in input pixels, scores (D,), labels (D,) int64, sorted by falling score."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


def class_nms(boxes: Tensor, scores: Tensor, labels: Tensor, iou: float) -> Tensor:
    """Indices kept by greedy NMS within each class, by falling score, the lower index first among equals.

    A box goes if its IoU with a kept box of its class is above `iou`. Class by class rather than with boxes shifted
    apart per class: the shift would cost bits of the coordinates.
    """
    from torchvision.ops import nms  # here, because it takes seconds to import and most commands decode nothing

    kept = [torch.empty(0, dtype=torch.int64, device=boxes.device)]
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero().flatten()
        kept.append(rows[nms(boxes[rows], scores[rows], iou)])
    indices = torch.cat(kept).sort().values
    return indices[scores[indices].sort(descending=True, stable=True).indices]


@torch.no_grad()
def decode_detections(outputs: Mapping[str, Tensor], params: BoxDecoder) -> list[DecodedBoxes]:
    """cls_sX (N, K, h, w) and box_sX (N, 4, h, w) of one task -> N images' boxes, clipped to the input.

    One box per location, of its best class (the lowest among equals). Locations are in the order of strides, then rows;
    the lower index goes first among equal scores. Ranking uses the logits, which are exact in the integer network.
    """
    stride = box_strides(outputs)[0]
    height, width = outputs[f"cls_s{stride}"].shape[-2:]
    logits, boxes, _ = flatten_levels(outputs)
    boxes = clip_boxes(boxes, (height * stride, width * stride))
    best, labels = logits.max(dim=-1)  # (N, L) each
    floor = params.logit_threshold
    results = []
    for n in range(len(logits)):
        rows = (best[n] > floor).nonzero().flatten()
        order = best[n, rows].sort(descending=True, stable=True).indices[:params.pre_nms_top_k]
        rows = rows[order]
        kept = rows[class_nms(boxes[n, rows], best[n, rows], labels[n, rows], params.nms_iou)[:params.top_k]]
        results.append(DecodedBoxes(boxes[n, kept], best[n, kept].sigmoid(), labels[n, kept]))
    return results
