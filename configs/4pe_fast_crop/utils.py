"""What 4pe_fast_crop changes of 4pe_crop: RepNet, a network made for matrix units, and towers that the tasks share."""

from mmengine.config import read_base

with read_base():
    from ..common.resize import *
    from ..common.synthetic_1080p import data_root, sources
    from ..common.tasks_repnet import *  # behind resize, whose nodes and geometry these two take the place of
    from ..common.window import *
