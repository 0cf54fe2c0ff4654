"""PP-LiteSeg-B (arXiv 2204.02681), on STDC2, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from .pp_liteseg_t import *

nodes["backbone"]["layers"] = [4, 5, 3]
nodes["neck"]["channels"] = [64, 96, 128]
tasks["seg"]["nodes"][-1]["channels"] = 64
