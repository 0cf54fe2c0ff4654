"""Padding and enlarging."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import Enlarge, PixelShuffle, Spread, UpsampleBilinear, UpsampleNearest
from mtzoo.layers.enlarge import NOISE
from mtzoo.lowering.operators.table import by_image, operator
from mtzoo.lowering.read import Padded, Result, Site
from mtzoo.lowering.steps import Simple

BILINEAR_FACTORS = (2, 4, 8, 16)


@operator(F.pad)
def pad(site: Site, input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    sides = [int(n) for n in pad]
    if mode != "constant" or len(sides) > 4 or min(sides) < 0:
        raise site.fault(f"by {tuple(sides)} in mode '{mode}': expected height and width with a constant, no less than 0")
    if not any(sides):
        return input
    left, right, top, bottom = (*sides, 0, 0)[:4]
    return Padded(site.plane(input), (top, left, bottom, right), value or 0.0)


@operator(nn.ZeroPad2d, nn.ConstantPad2d)
def pad_module(site: Site, input: Any) -> Any:
    return pad(site, input, site.module.padding, value=site.module.value)


@operator(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
def upsample(site: Site, input: Any) -> Any:
    module: nn.Upsample = site.module
    return interpolate(site, input, module.size, module.scale_factor, module.mode, module.align_corners)


@by_image(F.interpolate, F.upsample)
def interpolate(site: Site, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: Any = None, antialias: bool = False) -> Any:
    """By a whole factor where there is one; else to the size of the map whose shape the forward read, or to a constant size."""
    source = site.plane(input)
    before, after = source.shape[2:], site.shape[2:]
    if mode not in ("nearest", "nearest-exact", "bilinear") or antialias:
        raise site.fault(f"in mode '{mode}'{' with antialias' * antialias}; use 'nearest' or 'bilinear'")
    scales = None if scale_factor is None else tuple(map(float, _both(scale_factor)))
    if scales is not None and any(scale * cells - whole > NOISE for scale, cells, whole in zip(scales, before, after, strict=True)):
        raise site.fault(f"by {scale_factor} makes no whole number of cells of a map of {before[0]}x{before[1]}; give the size")
    if before == after:
        return source
    like = site.like(size)
    if before == (1, 1) and like is not None:
        return site.emit(Simple(Spread), source, like=like)
    factors = {a // b if a % b == 0 else None for a, b in zip(after, before, strict=True)}
    factor = factors.pop() if len(factors) == 1 else None
    if factor and mode != "bilinear":
        return site.emit(Simple(lambda: UpsampleNearest(factor)), source)
    if factor in BILINEAR_FACTORS and not align_corners:
        return site.emit(Simple(lambda: UpsampleBilinear(factor)), source)
    if mode != "bilinear" and before != (1, 1):
        raise site.fault(f"from {before} to {after} in mode '{mode}': the factor is not a whole number; use mode='bilinear'")
    if min(a - b for a, b in zip(after, before, strict=True)) < 0:
        raise site.fault(f"from {before} to {after} makes the map smaller; use AvgPool2d")
    corners = bool(align_corners)
    if scales is not None:
        return site.emit(Simple(lambda: Enlarge(factor=scales, align_corners=corners)), source)
    fixed = None if like is not None else after
    return site.emit(Simple(lambda: Enlarge(fixed, align_corners=corners)), source, like=like)


@operator(nn.PixelShuffle)
def pixel_shuffle_module(site: Site, input: Any) -> Result:
    return pixel_shuffle(site, input, site.module.upscale_factor)


@operator(F.pixel_shuffle, torch.pixel_shuffle)
def pixel_shuffle(site: Site, input: Any, upscale_factor: int) -> Result:
    return site.emit(Simple(lambda: PixelShuffle(upscale_factor)), site.plane(input))


def _both(value: Any) -> Any:
    """One number for height and width, or both -> both."""
    return value if isinstance(value, list | tuple) else (value, value)
