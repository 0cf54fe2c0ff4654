"""Weights that are zero: taken by magnitude, more and more of them, and kept zero while the network trains.

A zero weight is its own mask: nothing else says which weights are gone, so a checkpoint, a fold and an export carry it along.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.graph import read_program
from mtzoo.layers import ConvBNAct, ImageQuant

UNSTRUCTURED = "unstructured"


@dataclass(frozen=True)
class Sparsity:
    """Which weights become zero, and when.

    Attributes:
        ratio: The share of the weights that become zero, in layers that take part. A pattern N:M has its own.
        pattern: `"unstructured"`, or N:M such as `"2:4"`: the 2 largest of 4 neighbours along the input channels stay (arXiv
            2104.08378).
        begin: Where the schedule begins, as a share of the phase.
        end: Where it ends. In between, zeros become more as 1 - (1 - t)^3 (arXiv 1710.01878).
        interval: Iterations between two choices of weights.
        scope: `"global"`: layers compete by a weight's share of its layer's energy (LAMP, arXiv 2010.07611). `"layer"`: the same
            share in each layer.
        not_sparse_pattern: fnmatch patterns of layers that keep all weights, e.g. `"nodes.seg_head.*"`.
        pointwise_only: Only 1x1 convolutions take part.
        initial_ratio: The share that becomes zero at once, at `begin`.

    Raises:
        UserError: A value is impossible, or values do not go together.
    """

    ratio: float | None = None
    pattern: str = UNSTRUCTURED
    begin: float = 0.0
    end: float = 0.5
    interval: int = 10
    scope: Literal["global", "layer"] = "global"
    not_sparse_pattern: tuple[str, ...] = ()
    pointwise_only: bool = False
    initial_ratio: float = 0.0

    def __post_init__(self) -> None:
        if self.pattern == UNSTRUCTURED:
            if self.ratio is None:
                raise UserError("'ratio' is missing; add the share of the weights to be zero, e.g. ratio=0.75")
            if not 0 < self.ratio < 1:
                raise UserError(f"ratio={self.ratio}: must lie between 0 and 1")
        else:
            match = re.fullmatch(r"(\d+):(\d+)", self.pattern)
            if not match or not 0 < int(match[1]) < int(match[2]):
                raise UserError(f"pattern='{self.pattern}': expected '{UNSTRUCTURED}', or N of M weights that stay, such as '2:4'")
            if self.ratio is not None:
                raise UserError(f"ratio={self.ratio} with pattern='{self.pattern}', which is a ratio of its own; give one of the two")
        if not 0 <= self.begin < self.end <= 1:
            raise UserError(f"begin={self.begin}, end={self.end}: expected shares of the phase, 0 <= begin < end <= 1")
        if self.interval < 1:
            raise UserError(f"interval={self.interval}: expected iterations, 1 or more")
        if not 0 <= self.initial_ratio < (self.ratio or 1.0):
            raise UserError(f"initial_ratio={self.initial_ratio}: must be 0 or more, and less than the ratio of {self.ratio or 1.0}")

    @property
    def group(self) -> tuple[int, int] | None:
        """(N, M) of a pattern N:M."""
        return None if self.pattern == UNSTRUCTURED else tuple(int(n) for n in self.pattern.split(":"))

    def progress(self, iteration: int, total: int) -> float:
        """Share of the way to the final ratio after `iteration` of `total`: 1 - (1 - t)^3 (Zhu and Gupta, arXiv 1710.01878)."""
        t = (iteration / total - self.begin) / (self.end - self.begin)
        return 1 - (1 - min(max(t, 0.0), 1.0)) ** 3

    def is_due(self, iteration: int, total: int) -> bool:
        """Whether weights are chosen after this iteration."""
        last = math.ceil(self.end * total)
        return iteration == last or iteration < last and iteration % self.interval == 0


def sparse_layers(net: nn.Module, sparsity: Sparsity) -> dict[str, ConvBNAct]:
    """Name -> layer, of those that take part.

    The first layer and the heads' last ones do not: a handful of weights each, which all that the network sees and says goes
    through. Nor do layers whose input channels do not divide into the pattern's groups, nor those with parallel branches until these
    are folded: zeros would not stay zero in their sum.
    Raises UserError for a pattern that matches no layer, or if no layer is left.
    """
    program = read_program(net)
    convs, images = program.convs, {call.name for call in program.calls if isinstance(call.module, ImageQuant)}
    inner = {call.name: call.module for call in convs if call.module.output == "quantized" and not images.intersection(call.inputs)}
    for pattern in sparsity.not_sparse_pattern:
        if not any(fnmatchcase(call.name, pattern) for call in convs):
            raise UserError(f"sparsity.not_sparse_pattern: '{pattern}' matches no layer"
                            f"{did_you_mean(pattern, [call.name for call in convs])}")
    group = sparsity.group[1] if sparsity.group else 1
    found = {name: layer for name, layer in inner.items() if layer.conv.weight.shape[1] % group == 0
             and not any(fnmatchcase(name, pattern) for pattern in sparsity.not_sparse_pattern)
             and (layer.conv.kernel_size == (1, 1) or not sparsity.pointwise_only) and len(layer.norms) <= 1}
    if not found:
        raise UserError("sparsity: no layer is left to take weights from; name fewer in not_sparse_pattern, use another pattern, or "
                        "pointwise_only=False")
    return found


@torch.no_grad()
def next_masks(weights: Mapping[str, Tensor], sparsity: Sparsity, progress: float) -> dict[str, Tensor]:
    """Which weights stay, `progress` (0..1) of the way to the final ratio. Zeros never come back: they are the smallest.

    weights: layer -> (C_out, C_in / groups, k, k).
    """
    final, initial = sparsity.ratio or 1.0, sparsity.initial_ratio  # a pattern N:M takes all of its candidates in the end
    share = initial + progress * (final - initial) if progress else 0.0
    candidates = {name: _candidates(weight, sparsity.group) for name, weight in weights.items()}
    if sparsity.scope == "layer":
        gone = {name: _smallest(weight.abs(), candidates[name], share) for name, weight in weights.items()}
    else:
        flat = _smallest(torch.cat([layer_scores(weight).flatten() for weight in weights.values()]),
                         torch.cat([candidates[name].flatten() for name in weights]), share)
        parts = flat.split([weight.numel() for weight in weights.values()])
        gone = {name: part.view_as(weight) for part, (name, weight) in zip(parts, weights.items(), strict=True)}
    return {name: (weight != 0) & ~gone[name] for name, weight in weights.items()}


def _candidates(weight: Tensor, group: tuple[int, int] | None) -> Tensor:
    """A bool mask of the weights that may become zero: all, or the M - N smallest of each M neighbours along the input channels."""
    if group is None:
        return torch.ones_like(weight, dtype=torch.bool)
    stay, size = group
    rows = weight.abs().permute(0, 2, 3, 1)  # (C_out, k, k, C_in / groups): as sparse matrix units read them (arXiv 2104.08378)
    smallest = rows.reshape(-1, size).argsort(dim=1, stable=True)[:, :size - stay]
    found = torch.zeros(rows.numel() // size, size, dtype=torch.bool, device=weight.device).scatter_(1, smallest, True)
    return found.view(rows.shape).permute(0, 3, 1, 2)


def _smallest(scores: Tensor, candidates: Tensor, share: float) -> Tensor:
    """A bool mask of the smallest `share` of the candidates, of their shape."""
    count = int(share * int(candidates.sum()) + 1e-6)
    if count == 0:
        return torch.zeros_like(candidates)
    threshold = scores[candidates].float().kthvalue(count).values
    return candidates & (scores <= threshold)


def layer_scores(weight: Tensor) -> Tensor:
    """w^2 over the sum of all squares in the layer that are not smaller: magnitudes that layers can be compared by, whatever
    scale BN gives them (Lee et al., arXiv 2010.07611). The largest of a layer has 1."""
    squares, order = weight.double().square().flatten().sort(stable=True)
    left = squares.flip(0).cumsum(0).flip(0)
    scores = torch.empty_like(squares)
    scores[order] = squares / left.clamp(min=torch.finfo(squares.dtype).tiny)
    return scores.view_as(weight).float()


class Sparsifier:
    """Makes zeros in `net` on schedule during a phase of `total` iterations, and keeps those that are there.

    It has no state of its own: a phase that starts with, or is resumed with, zero weights keeps them.
    """

    def __init__(self, net: nn.Module, sparsity: Sparsity, total: int) -> None:
        self.sparsity, self.total = sparsity, total
        self.weights = {name: layer.conv.weight for name, layer in sparse_layers(net, sparsity).items()}
        self.masks = {name: weight != 0 for name, weight in self.weights.items()}

    @torch.no_grad()
    def after_step(self, iteration: int) -> None:
        """After an update of the weights: the optimizer's momentum has moved the zeros, too."""
        self._apply()
        if self.sparsity.is_due(iteration, self.total):
            self.masks = next_masks(self.weights, self.sparsity, self.sparsity.progress(iteration, self.total))
            self._apply()

    def _apply(self) -> None:
        for name, weight in self.weights.items():
            weight.mul_(self.masks[name])

    def summary(self) -> str:
        """E.g. "75.0% of 1,050,000 weights in 101 layers are zero"."""
        zeros = sum(int((weight == 0).sum()) for weight in self.weights.values())
        count = sum(weight.numel() for weight in self.weights.values())
        return f"{100 * zeros / count:.1f}% of {count:,} weights in {len(self.weights)} layers are zero"
