"""Test-time augmentation: a network's answers to an image, its mirror image and other sizes of it, made one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.data.loader import EvalBatch
from mtzoo.engine.evaluate import Executor, Predictor, check_finite
from mtzoo.errors import UserError, cut
from mtzoo.ops.boxes import pairwise_iou
from mtzoo.postprocess.boxes import DecodedBoxes, class_nms, decode_detections
from mtzoo.postprocess.decoders import BoxDecoder, Decoder
from mtzoo.postprocess.prediction import to_original, to_prediction
from mtzoo.structures import Prediction

FLIP = "flip"
LEAST, MOST = 0.25, 4.0
Maps = Mapping[str, Tensor]


@dataclass(frozen=True)
class TestTimeAugmentation:
    """flip: the mirror image as well; scales: sizes of the image beside its own."""

    __test__ = False  # no test case, whatever its name

    flip: bool
    scales: tuple[float, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> "TestTimeAugmentation":
        """["flip", "0.75", "1.25"]. Raises UserError for anything else."""
        scales = []
        for word in (word for word in words if word != FLIP):
            try:
                scale = float(word)
            except ValueError:
                raise UserError(f"--tta {cut(word)}: expected '{FLIP}' or scales, e.g. --tta flip 0.75 1.25") from None
            if not LEAST <= scale <= MOST or scale == 1:
                raise UserError(f"--tta {cut(word)}: expected a scale of {LEAST:g} to {MOST:g}; 1 is always used")
            scales.append(scale)
        return cls(FLIP in words, tuple(dict.fromkeys(scales)))

    def views(self, hw: tuple[int, int], stride: int) -> "list[View]":
        """All views of an image of `hw`, itself first. Other sizes are multiples of the network's stride."""
        sizes = [hw, *((max(round(hw[0] * scale / stride), 1) * stride, max(round(hw[1] * scale / stride), 1) * stride)
                       for scale in self.scales)]
        return [View(size, mirrored) for size in sizes for mirrored in ((False, True) if self.flip else (False,))]


@dataclass(frozen=True)
class View:
    """An image at a size of `hw` pixels, mirrored or not."""

    hw: tuple[int, int]
    mirrored: bool

    def of(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, 3, *hw) uint8."""
        if tuple(images.shape[2:]) != self.hw:
            scaled = F.interpolate(images.float(), self.hw, mode="bilinear", align_corners=False, antialias=True)
            images = scaled.round().clamp(0, 255).to(torch.uint8)
        return images.flip(3) if self.mirrored else images

    def map_back(self, values: Tensor, cells: tuple[int, int]) -> Tensor:
        """A map (N, K, h, w) of this view -> that of the image itself, (N, K, *cells)."""
        values = values.flip(3) if self.mirrored else values
        return values if tuple(values.shape[2:]) == cells else F.interpolate(values, cells, mode="bilinear", align_corners=False)

    def boxes_back(self, boxes: Tensor, hw: tuple[int, int]) -> Tensor:
        """Boxes (D, 4) xyxy in pixels of this view -> in pixels of the image itself, of size `hw`."""
        if self.mirrored:
            x1, y1, x2, y2 = boxes.unbind(1)
            boxes = torch.stack([self.hw[1] - x2, y1, self.hw[1] - x1, y2], dim=1)
        x, y = hw[1] / self.hw[1], hw[0] / self.hw[0]
        return boxes * boxes.new_tensor([x, y, x, y])


def augmented_predictor(execute: Executor, tta: TestTimeAugmentation, decoders: Mapping[str, Decoder], stride: int) -> Predictor:
    """What `execute` says of all views of an image, made one.

    Probabilities of pixels and of images are averaged, and boxes that NMS takes for the same object. stride: of the network.
    """

    def predict(batch: EvalBatch) -> list[Prediction]:
        hw = tuple(batch.images.shape[2:])
        views = tta.views(hw, stride)
        seen = [execute(view.of(batch.images)) for view in views]
        for raw in seen:
            check_finite(raw, batch)
        places = [(sample.affine, sample.original_hw) for sample in batch.samples]
        of_tasks = {task: [raw[task] for raw in seen] for task in seen[0]}
        logits = {task: mean_logits(views, maps) for task, maps in of_tasks.items() if not isinstance(decoders[task], BoxDecoder)}
        predictions = to_prediction(logits, *zip(*places, strict=True), decoders)
        for task in of_tasks.keys() - logits.keys():
            found = joined_boxes(views, of_tasks[task], decoders[task], hw)
            for prediction, boxes, place in zip(predictions, found, places, strict=True):
                prediction.detections[task] = to_original(boxes, *place)
        return predictions

    return predict


def mean_logits(views: Sequence[View], outputs: Sequence[Maps]) -> dict[str, Tensor]:
    """"logits" (N, K, h, w) of a task in each view -> the log of the mean probability, at the first view's size."""
    cells = tuple(outputs[0]["logits"].shape[2:])
    found = [view.map_back(maps["logits"].float(), cells).softmax(dim=1) for view, maps in zip(views, outputs, strict=True)]
    return {"logits": torch.stack(found).mean(dim=0).clamp_min(1e-12).log()}


def joined_boxes(views: Sequence[View], outputs: Sequence[Maps], decoder: BoxDecoder, hw: tuple[int, int]) -> list[DecodedBoxes]:
    """A detection task's maps in each view -> N images' boxes, in pixels of the image itself, of size `hw`."""
    of_views = [[found._replace(boxes=view.boxes_back(found.boxes, hw)) for found in decode_detections(maps, decoder)]
                for view, maps in zip(views, outputs, strict=True)]
    return [mean_boxes(of_image, decoder) for of_image in zip(*of_views, strict=True)]


def mean_boxes(of_views: Sequence[DecodedBoxes], decoder: BoxDecoder) -> DecodedBoxes:
    """One image's boxes in all views -> the boxes that NMS leaves, each the mean of those that it stands for, weighted by score.

    Its score is the mean over views, 0 for a view that has no such box: what one view alone shows is less sure. After weighted boxes
    fusion (arXiv 1910.13302).
    """
    boxes, scores, labels = (torch.cat(parts) for parts in zip(*of_views, strict=True))
    kept = class_nms(boxes, scores, labels, decoder.nms_iou)
    overlap = pairwise_iou(boxes[kept], boxes) * (labels[kept, None] == labels)  # (kept, all)
    if not len(kept):
        return DecodedBoxes(boxes, scores, labels)
    member = F.one_hot(overlap.argmax(dim=0), len(kept)).T * (overlap > decoder.nms_iou)
    weights = member * scores
    best = [part.amax(dim=1) if part.shape[1] else part.new_zeros(len(kept))
            for part in weights.split([len(found.scores) for found in of_views], dim=1)]
    score, order = torch.stack(best).mean(dim=0).sort(descending=True, stable=True)
    means = weights @ boxes / weights.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
    return DecodedBoxes(means[order][:decoder.top_k], score[:decoder.top_k], labels[kept][order][:decoder.top_k])
