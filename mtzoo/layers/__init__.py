"""Layers all networks are made of. Leaves are what quantization, export and compression see: nothing else computes."""

from mtzoo.layers.average_pool import AvgPool
from mtzoo.layers.bilinear import UpsampleBilinear
from mtzoo.layers.border import Border
from mtzoo.layers.channel_pool import ChannelMax, ChannelMean
from mtzoo.layers.concat import Concat
from mtzoo.layers.conv import ConvBNAct, prune_channels
from mtzoo.layers.enlarge import Enlarge
from mtzoo.layers.image import IMAGE_GRID, ImageQuant, normalize_image
from mtzoo.layers.leaf import Leaf
from mtzoo.layers.max_pool import MaxPool
from mtzoo.layers.means import BinMean, GlobalMean
from mtzoo.layers.nearest import UpsampleNearest
from mtzoo.layers.product import Mix, Product
from mtzoo.layers.rearrange import Chunk, PixelShuffle, Shuffle, Slice, ZeroInsert
from mtzoo.layers.rep_conv import RepConvBNAct
from mtzoo.layers.rescale import Rescale
from mtzoo.layers.softmax_mean import SoftmaxMean
from mtzoo.layers.spread import Spread
from mtzoo.layers.sum import Sum
from mtzoo.layers.table import Table

__all__ = ["IMAGE_GRID", "AvgPool", "BinMean", "Border", "ChannelMax", "ChannelMean", "Chunk", "Concat", "ConvBNAct", "Enlarge",
           "GlobalMean", "ImageQuant", "Leaf", "MaxPool", "Mix", "PixelShuffle", "Product", "RepConvBNAct", "Rescale", "Shuffle",
           "Slice", "SoftmaxMean", "Spread", "Sum", "Table", "UpsampleBilinear", "UpsampleNearest", "ZeroInsert", "normalize_image",
           "prune_channels"]
