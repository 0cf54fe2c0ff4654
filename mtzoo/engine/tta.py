"""Test-time augmentation: a network's answers to an image, its mirror image and other sizes of it, averaged."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.engine.evaluate import Executor
from mtzoo.errors import UserError, cut
from mtzoo.structures import RawOutputs

FLIP = "flip"
LEAST, MOST = 0.25, 4.0


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


def augmented_executor(execute: Executor, tta: TestTimeAugmentation, tasks: Collection[str], stride: int) -> Executor:
    """`execute` whose logits of the segmentation `tasks` are the log of the mean probability over all views; boxes stay as they are.

    stride: of the network; scaled images have sides that are multiples of it.
    """

    def run(images: Tensor) -> RawOutputs:
        plain = execute(images)
        sums = {task: plain[task]["logits"].float().softmax(dim=1) for task in tasks}
        views = 1
        for scale in (1.0, *tta.scales):
            scaled = resized(images, scale, stride)
            for flip in (False, True) if tta.flip else (False,):
                if scale == 1.0 and not flip:
                    continue
                found = execute(scaled.flip(3) if flip else scaled)
                views += 1
                for task in tasks:
                    logits = found[task]["logits"].float()
                    logits = logits.flip(3) if flip else logits
                    if logits.shape != sums[task].shape:
                        logits = F.interpolate(logits, sums[task].shape[2:], mode="bilinear", align_corners=False)
                    sums[task] += logits.softmax(dim=1)
        return {**plain, **{task: {"logits": (sums[task] / views).clamp_min(1e-12).log()} for task in tasks}}

    return run


def resized(images: Tensor, scale: float, stride: int) -> Tensor:
    """(N, 3, H, W) uint8 -> the same, `scale` times as large, to the nearest multiple of the stride."""
    if scale == 1.0:
        return images
    hw = [max(round(side * scale / stride), 1) * stride for side in images.shape[2:]]
    return F.interpolate(images.float(), hw, mode="bilinear", align_corners=False, antialias=True).round().clamp(0, 255).to(torch.uint8)
