"""Which labelled pixels of a dense loss count: all of them, or the hard ones alone."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mtzoo.errors import UserError


@dataclass(frozen=True)
class HardPixels:
    """Mean over hard pixels: those above `threshold`, and the `min_kept` hardest at least.

    min_kept: an int is a number of pixels, a float a share of the labelled ones. by_probability: a pixel is as hard as the plain
    cross-entropy of its true class says, not its weighted and smoothed loss. by_image: pixels are chosen in each image, and the
    images' means averaged; otherwise over the batch.
    """

    threshold: float
    min_kept: int | float
    by_probability: bool = False
    by_image: bool = False

    def mean(self, losses: Tensor, weights: Tensor, hardness: Tensor, labelled: Tensor) -> Tensor:
        """Of losses (N, h, w), weighted by `weights`, where `labelled` (bool) says so; it does so for one pixel at least."""
        maps = (losses, weights, hardness, labelled)
        if not self.by_image:
            return self._mean(*maps)
        return torch.stack([self._mean(*image) for image in zip(*maps, strict=True) if image[-1].any()]).mean()

    def _mean(self, losses: Tensor, weights: Tensor, hardness: Tensor, labelled: Tensor) -> Tensor:
        losses, weights, hardness = (values[labelled] for values in (losses, weights, hardness))  # (P,)
        kept = hard_pixels(hardness, self.threshold, self._least(len(losses)))
        return losses[kept].sum() / weights[kept].sum().clamp(min=torch.finfo(losses.dtype).tiny)

    def _least(self, pixels: int) -> int:
        return min(self.min_kept if isinstance(self.min_kept, int) else max(int(pixels * self.min_kept), 1), pixels)


@torch.no_grad()
def hard_pixels(hardness: Tensor, threshold: float, least: int) -> Tensor:
    """Index of the values of hardness (P,) above `threshold`; of the `least` largest if fewer are above it."""
    above = hardness > threshold
    return above if int(above.sum()) >= least else hardness.topk(least, sorted=False).indices


def choose_hard_pixels(ohem_ratio: float, ohem_thresh: float | None, loss_th: float | None,
                       min_kept: int | float | None) -> HardPixels | None:
    """The rule that the keys of a loss ask for, None for every pixel. Raises UserError for keys that contradict each other.

    ohem_ratio, ohem_thresh: online hard example mining (Shrivastava, Gupta and Girshick, CVPR 2016), by loss and by probability;
    loss_th: bootstrapped cross-entropy (Wu, Shen and van den Hengel, arXiv:1605.06885).
    """
    if not 0.0 < ohem_ratio <= 1.0:
        raise UserError(f"ohem_ratio={ohem_ratio}: must be in (0, 1]; 1 keeps every pixel")
    if ohem_thresh is not None and not 0.0 < ohem_thresh < 1.0:
        raise UserError(f"ohem_thresh={ohem_thresh}: expected a probability in (0, 1)")
    if loss_th is not None and not 0.0 <= loss_th < math.inf:
        raise UserError(f"loss_th={loss_th}: expected a loss of 0 or more")
    given = [f"{name}={value}" for name, value in (("ohem_ratio", ohem_ratio if ohem_ratio < 1 else None),
                                                   ("ohem_thresh", ohem_thresh), ("loss_th", loss_th)) if value is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)}: each of them chooses the hard pixels; keep one")
    _check_min_kept(min_kept, ohem_thresh is not None or loss_th is not None, given)
    if ohem_thresh is not None:
        return HardPixels(-math.log(ohem_thresh), min_kept, by_probability=True)
    if loss_th is not None:
        return HardPixels(loss_th, min_kept, by_image=True)
    return None if ohem_ratio == 1.0 else HardPixels(math.inf, ohem_ratio)


def _check_min_kept(min_kept: int | float | None, wanted: bool, given: list[str]) -> None:
    if min_kept is None:
        if wanted:
            raise UserError(f"{given[0]} needs min_kept, how many pixels to keep at least: their number, or a share such as 0.0625")
        return
    if not wanted:
        raise UserError(f"min_kept={min_kept} has an effect with ohem_thresh or loss_th only; add one of them or remove it")
    if isinstance(min_kept, bool) or not (min_kept >= 1 if isinstance(min_kept, int) else 0.0 < min_kept < 1.0):
        raise UserError(f"min_kept={min_kept}: expected a whole number of pixels, or a share in (0, 1)")
