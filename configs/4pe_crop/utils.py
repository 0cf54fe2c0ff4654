"""What 4pe_crop changes of 4pe_resize: `vargnet_v2_g8g4_0_5x`, full resolution, scenes as large as the camera's image."""

from mmengine.config import read_base

with read_base():
    from ..common.resize import *
    from ..common.synthetic_1080p import data_root, sources
    from ..common.tasks import *
    from ..common.window import *  # behind resize, whose geometry it takes the place of

nodes["neck"]["group_base"] = 4
