"""Raw logits of one segmentation task -> label map."""


import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.postprocess.decoders import LabelMapDecoder


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
