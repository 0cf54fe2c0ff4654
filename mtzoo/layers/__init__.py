"""Layers all networks are made of. Leaves are what quantization, export and compression see: nothing else computes."""

from mtzoo.layers.bilinear import UpsampleBilinear
from mtzoo.layers.concat import Concat
from mtzoo.layers.conv import ConvBNAct, narrow
from mtzoo.layers.enlarge import Enlarge
from mtzoo.layers.image import IMAGE_GRID, ImageQuant, normalize_image
from mtzoo.layers.leaf import Leaf
from mtzoo.layers.nearest import UpsampleNearest
from mtzoo.layers.parts import Chunk, PixelShuffle, Shuffle, Slice, ZeroInsert
from mtzoo.layers.product import Mix, Product
from mtzoo.layers.rescale import Rescale
from mtzoo.layers.spread import Spread
from mtzoo.layers.sum import Sum
from mtzoo.layers.table import Table

__all__ = ["IMAGE_GRID", "Chunk", "Concat", "ConvBNAct", "Enlarge", "ImageQuant", "Leaf", "Mix", "PixelShuffle", "Product",
           "Rescale", "Shuffle", "Slice", "Spread", "Sum", "Table", "UpsampleBilinear", "UpsampleNearest", "ZeroInsert",
           "narrow", "normalize_image"]
