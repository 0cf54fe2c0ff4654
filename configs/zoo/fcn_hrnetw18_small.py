"""FCN on HRNet-W18-small-v2, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from .fcn_hrnetw18 import *

nodes["backbone"] = dict(type="HRNet", width=18, modules=[1, 3, 2], blocks=2, first_blocks=2)
