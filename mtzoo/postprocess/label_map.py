"""Raw logits of one segmentation task -> label map."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.errors import UserError


@dataclass(frozen=True)
class LabelMapDecoder:
    """Enlarge the logits, which have `stride` input pixels per cell, by `upsample` in {1, 2, 4}, then argmax."""

    upsample: int = 2
    stride: int = 4

    def __post_init__(self) -> None:
        if self.upsample not in (1, 2, 4):
            raise UserError(f"upsample={self.upsample}: must be 1, 2 or 4, whose bilinear weights are exact")
        if self.stride % self.upsample:
            raise UserError(f"upsample={self.upsample}: finer than the input; at most {self.stride}")

    @property
    def map_stride(self) -> int:
        """Input pixels per cell of the label map."""
        return self.stride // self.upsample


@torch.no_grad()
def label_map(logits: Tensor, upsample: int) -> Tensor:
    """(N, K, h, w) -> (N, h * upsample, w * upsample) uint8: argmax over classes, the lowest among equals.

    The bilinear weights are dyadic: on logits of an integer network, with few enough bits, nothing is rounded.
    """
    logits = logits.float()
    if upsample > 1:
        logits = F.interpolate(logits, scale_factor=upsample, mode="bilinear", align_corners=False)
    return logits.argmax(dim=1).to(torch.uint8)
