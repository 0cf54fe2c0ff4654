"""Raw logits of one segmentation task -> label map."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.fixed_point import EXACT_LIMIT

LARGEST_EXPONENT = 120
"""Of 2^e as float32, its inverse too."""


@dataclass(frozen=True)
class LabelMapDecoder:
    """The post-processing of a segmentation task: enlarge the logits (bilinear, half-pixel centres), then take the largest.

    Attributes:
        upsample: The factor: 1, 2, 4, 8 or 16.
        stride: Input pixels for each cell of the logits.
        logit_exponent: Found by mtzoo. The logits of an integer network are first rounded to multiples of 2 to this power, if enlarging
            them would not be exact. None: they are not rounded.
    """

    upsample: int = 2
    stride: int = 4
    logit_exponent: int | None = None

    def __post_init__(self) -> None:
        if self.upsample not in FACTORS:
            raise UserError(f"upsample={self.upsample}: must be one of {', '.join(map(str, FACTORS))}, whose bilinear weights "
                            "are exact")
        if self.stride % self.upsample:
            raise UserError(f"upsample={self.upsample}: finer than the input; at most {self.stride}")
        if self.logit_exponent is not None and abs(self.logit_exponent) > LARGEST_EXPONENT:
            raise UserError(f"logit_exponent={self.logit_exponent}: expected -{LARGEST_EXPONENT}..{LARGEST_EXPONENT}")

    @property
    def map_stride(self) -> int:
        """Input pixels per cell of the label map."""
        return self.stride // self.upsample


def logit_exponent(largest: Tensor, exponent: Tensor, upsample: int) -> int | None:
    """The e of `LabelMapDecoder.logit_exponent`: the finest grid on which enlarging stays exact; None if the logits' own does.

    largest: (C,) the largest |integer| that each channel's logit can be; exponent: (C,) or (), logit = integer * 2^exponent.
    One grid for all channels: only differences between them count.
    """
    room = EXACT_LIMIT >> bilinear_bits(upsample)
    if float(largest.max()) <= room:
        return None
    value = float((largest.double() * torch.exp2(exponent.double())).max())
    mantissa, power = math.frexp(value / room)  # in [0.5, 1)
    return power - 1 if mantissa == 0.5 else power


@torch.no_grad()
def label_map(logits: Tensor, decoder: LabelMapDecoder) -> Tensor:
    """(N, K, h, w) -> (N, h * upsample, w * upsample) uint8: argmax over classes, the lowest among equals.

    The bilinear weights are dyadic: on logits of an integer network, rounded where that is needed, nothing else is rounded.
    """
    logits = logits.float()
    if decoder.logit_exponent is not None:
        logits = torch.round(logits * 2.0**-decoder.logit_exponent)  # argmax does not see the scale
    if decoder.upsample > 1:
        logits = F.interpolate(logits, scale_factor=decoder.upsample, mode="bilinear", align_corners=False)
    return logits.argmax(dim=1).to(torch.uint8)
