"""4pe_resize on HRNet-W18-small-v1, whose widths are 16, 32, 64 and 128."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

nodes["backbone"] = dict(type="HRNet", width=16, modules=[1, 1, 1], blocks=2, first_blocks=1, first_width=32)
