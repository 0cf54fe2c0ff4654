"""Layers all networks are made of. Leaves are what quantization, export and compression see: nothing else computes."""

from mtzoo.layers.concat import Concat
from mtzoo.layers.conv import ConvBNAct, narrow
from mtzoo.layers.image import IMAGE_GRID, ImageQuant, normalize_image
from mtzoo.layers.leaf import Leaf
from mtzoo.layers.nearest import UpsampleNearest

__all__ = ["IMAGE_GRID", "Concat", "ConvBNAct", "ImageQuant", "Leaf", "UpsampleNearest", "narrow", "normalize_image"]
