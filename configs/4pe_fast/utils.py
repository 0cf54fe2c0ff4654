"""What 4pe_fast changes of 4pe_resize: RepNet, a network made for matrix units, and towers that the tasks share."""

from mmengine.config import read_base

with read_base():
    from ..common.resize import *
    from ..common.synthetic import data_root, sources
    from ..common.tasks_repnet import *  # behind resize, whose nodes it takes the place of
