"""Padding, enlarging, and channels that become pixels."""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.foreign.module import Function
from mtzoo.foreign.operators.table import operator
from mtzoo.foreign.site import Site
from mtzoo.foreign.views import View


@operator("Pad")
def pad(site: Site) -> View:
    sides = site.attribute("pads") if site.attribute("pads") is not None else site.weights(1)
    mode = site.attribute("mode", b"constant").decode()
    value = site.attribute("value", 0.0) if len(site.node.input) < 3 or site.optional(2) is None else float(site.optional(2))
    amounts, count = [int(n) for n in np.ravel(sides)], len(site.view(0).shape)
    axes = site.optional(3)
    if axes is not None:
        spread = [0] * (2 * count)
        for k, axis in enumerate(np.ravel(axes)):
            spread[int(axis) % count], spread[int(axis) % count + count] = amounts[k], amounts[k + len(axes)]
        amounts = spread
    if not any(amounts):
        return site.view(0)
    source = site.plane(0)
    if mode != "constant" or len(amounts) != 8 or amounts[:2] != [0, 0] or amounts[4:6] != [0, 0] or min(amounts) < 0:
        raise site.fault(f"by {amounts} in mode '{mode}': expected height and width with a constant, no less than 0")
    top, left, bottom, right = amounts[2], amounts[3], amounts[6], amounts[7]
    return site.add(nn.ConstantPad2d((left, right, top, bottom), value), source)


@operator("Resize", "Upsample")
def resize(site: Site) -> View:
    source = site.plane(0)
    after = _target(site, source.shape)
    mode = site.attribute("mode", b"nearest").decode()
    upsample = site.node.op_type == "Upsample" or site.reader.opset < 11
    placed = "asymmetric" if upsample else site.attribute("coordinate_transformation_mode", b"half_pixel").decode()
    if after == source.shape[2:]:
        return site.view(0)
    if mode == "nearest":
        rounding = "floor" if upsample else site.attribute("nearest_mode", b"round_prefer_floor").decode()
        whole = all(a % b == 0 for a, b in zip(after, source.shape[2:]))
        if not whole or (placed, rounding) not in NEAREST:
            raise site.fault(f"from {source.shape[2:]} to {after}, '{placed}', '{rounding}': expected a whole factor, and 'asymmetric' "
                             "with 'floor', or 'half_pixel'")
        return site.add(Function(partial(F.interpolate, size=after, mode="nearest")), source)
    pixel = source.shape[2:] == (1, 1)  # all ways are one
    if mode != "linear" or placed not in BILINEAR and not pixel or site.number("antialias", 0):
        raise site.fault(f"in mode '{mode}', '{placed}': expected 'linear' with 'half_pixel', 'pytorch_half_pixel' or 'align_corners'")
    corners = placed == "align_corners"
    return site.add(Function(partial(F.interpolate, size=after, mode="bilinear", align_corners=corners)), source)


BILINEAR = ("half_pixel", "pytorch_half_pixel", "align_corners")
NEAREST = (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"),
           ("pytorch_half_pixel", "round_prefer_floor"), ("half_pixel", "floor"), ("half_pixel_symmetric", "round_prefer_floor"))
"""Ways that are one and the same at whole factors."""


def _target(site: Site, shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of the result."""
    scales, sizes = site.attribute("scales"), None
    if scales is None and site.node.op_type == "Resize" and site.reader.opset >= 11:
        scales, sizes = site.optional(2), site.optional(3)
    elif scales is None:
        scales = site.optional(1)
    if site.attribute("axes") is not None:
        raise site.fault("has axes of its own; leave them out")
    if sizes is not None and np.size(sizes):
        target = [int(n) for n in np.ravel(sizes)]
    else:
        scaled = [n * float(s) for n, s in zip(shape, np.ravel(scales))]
        target = [round(n) for n in scaled]
        if any(abs(n - whole) > 1e-3 for n, whole in zip(scaled, target)):  # scales are float32
            raise site.fault(f"of a map {shape[2:]} by {[round(float(s), 4) for s in np.ravel(scales)[2:]]}: makes no whole number of "
                             "cells; export it with a size")
    if len(target) != 4 or tuple(target[:2]) != shape[:2] or min(target) < 1:
        raise site.fault(f"from {shape} to {tuple(target)}: only height and width may change")
    return target[2], target[3]


@operator("DepthToSpace")
def depth_to_space(site: Site) -> View:
    source, size = site.plane(0), site.number("blocksize", 1)
    if site.attribute("mode", b"DCR") == b"CRD":
        return site.add(nn.PixelShuffle(size), source)
    return site.add(Function(partial(_depth_first, size)), source)


def _depth_first(size: int, x: Tensor) -> Tensor:
    """DCR: the pixels of a cell are the outer dimension of the channels. A channel shuffle makes them the inner one."""
    return F.pixel_shuffle(torch.channel_shuffle(x, size * size), size)
