"""Which part of a network does rounding hurt? Parts are what is left in float when the whole costs too much.

Only one part rounds at a time, all others stay float. The other way round, all parts but one, would measure what is won by
sparing it, but where two parts hurt a lot sparing either of them shows nothing; a part alone always shows its own share.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtzoo.layers import ConvBNAct
from mtzoo.quantization import set_fake_quant
from mtzoo.quantization.qconfig import node_of
from mtzoo.structures import flatten_outputs

Outputs = Mapping[str, Tensor]
"""Flat raw outputs of one batch: "seg_default.logits" -> (N, C, H, W)."""


def network_parts(layers: Iterable[str], trunk: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Part -> its layers, in order. A head is one part; the nodes named in `trunk` fall into their stages and levels.

    "nodes.backbone.stages.2.0.conv.spatial" -> "nodes.backbone.stages.2".
    """
    parts: dict[str, list[str]] = {}
    for layer in layers:
        path = layer.split(".")
        depth = 2
        if node_of(layer) in trunk:
            depth = next((i + 1 for i, name in enumerate(path) if i > 1 and name.isdecimal()), 3)
        parts.setdefault(".".join(path[:depth]), []).append(layer)
    return {name: tuple(found) for name, found in parts.items()}


def part_pattern(part: str, layers: Collection[str]) -> str:
    """The `not_quant_pattern` that leaves a part of `layers` in float."""
    return part if part in layers else f"{part}.*"


@torch.no_grad()
def exact_outputs(net: nn.Module, batches: Sequence[Tensor]) -> list[Outputs]:
    """The raw outputs of `net` (prepared), run in float, for batches (N, 3, H, W) of normalised images."""
    set_fake_quant(net, False)
    return [flatten_outputs(net(batch)) for batch in batches]


@torch.no_grad()
def part_noise(net: nn.Module, layers: Collection[str], batches: Sequence[Tensor], exact: Sequence[Outputs]) -> dict[str, float]:
    """Task -> noise in percent when only `layers` of `net` (prepared, calibrated) round: the variance of the error by that of the
    output itself, mean over the task's outputs. exact: of `exact_outputs`. The network rounds nothing afterwards.
    """
    set_fake_quant(net, False)
    modules = dict(net.named_modules())
    for name in layers:
        for quantizer in _quantizers(modules[name]):
            quantizer.enabled = True
    error: dict[str, float] = {}
    for batch, wanted in zip(batches, exact):
        for name, value in flatten_outputs(net(batch)).items():
            error[name] = error.get(name, 0.0) + float((value - wanted[name]).double().square().sum())
    set_fake_quant(net, False)
    by_task: dict[str, list[float]] = {}
    for name, squares in error.items():
        by_task.setdefault(name.partition(".")[0], []).append(100 * squares / _power([wanted[name] for wanted in exact]))
    return {task: sum(noises) / len(noises) for task, noises in by_task.items()}


def _power(values: Sequence[Tensor]) -> float:
    """Sum of squared distances from each channel's mean over all batches; never 0."""
    count = sum(v.numel() / v.shape[1] for v in values)
    mean = sum(v.double().sum((0, 2, 3), keepdim=True) for v in values) / count  # (1, C, 1, 1)
    return max(sum(float((v - mean).square().sum()) for v in values), 1e-12)


def _quantizers(layer: ConvBNAct) -> list[nn.Module]:
    return [q for q in (layer.weight_quant, layer.bias_quant, layer.conv_quant, layer.act_quant) if q is not None]
