"""A quantized leaf without a network around it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtzoo.layers import Leaf
from mtzoo.ops.grid import Grid
from mtzoo.quantization import QConfig
from mtzoo.quantization.fake_quant import ActFakeQuant


def grid(exponent: int, signed: bool) -> Grid:
    return Grid(torch.tensor(exponent, dtype=torch.int32), *((-128, 127) if signed else (0, 255)))


def quantizer(of: Grid) -> ActFakeQuant:
    quant = ActFakeQuant(QConfig(), signed=of.low < 0)
    quant.scale.fill_(float(of.scale))
    quant.enabled = True
    return quant


def quantized(leaf: Leaf, inputs: Sequence[Grid], output: Grid) -> Leaf:
    """`leaf` as in a prepared network: reading maps of some grids, rounding to another."""
    leaf.act_quant, leaf.sources = quantizer(output), tuple(map(quantizer, inputs))
    return leaf


def steps(shape: tuple[int, ...], of: Grid, seed: int = 0) -> Tensor:
    """Random integers of a grid, of few channels that are dark and few that are bright."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(shape, generator=generator) * torch.rand(shape[0], shape[1], 1, 1, generator=generator)
    return (of.low + x * (of.high - of.low)).round().to(of.dtype)


def both_ways(leaf: Leaf, integers: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
    """Integers of the result, found by training's arithmetic and by the integer network's, which have to agree."""
    found = leaf.integer(integers, inputs, output)
    floats = quantized(leaf, inputs, output)(*(x.float() * of.scale.float() for x, of in zip(integers, inputs)))
    assert torch.equal(floats / output.scale.float(), found.float())
    return found
