"""Layers all networks are made of. `LEAVES` are what quantization, export and compression see: nothing else computes."""

from mtzoo.layers.blocks import VarGBlock, VarGDownBlock, drop_block
from mtzoo.layers.conv import ConvBNAct, SeparableGroupConv, grouped, narrow
from mtzoo.layers.resample import Concat, ImageQuant, UpsampleNearest2x, normalize_image

LEAVES = (ConvBNAct, Concat, UpsampleNearest2x, ImageQuant)

__all__ = ["LEAVES", "Concat", "ConvBNAct", "ImageQuant", "SeparableGroupConv", "UpsampleNearest2x", "VarGBlock",
           "VarGDownBlock", "drop_block", "grouped", "narrow", "normalize_image"]
