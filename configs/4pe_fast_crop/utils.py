"""What 4pe_fast_crop changes of 4pe_crop: RepNet, a network made for matrix units, towers that the tasks share, and coarser
label maps."""

from mmengine.config import read_base

with read_base():
    from ..common.coarse_labels import _with_coarse_labels
    from ..common.resize import *
    from ..common.synthetic_1080p import data_root, sources
    from ..common.tasks_repnet import *  # behind resize, whose nodes and geometry these two take the place of
    from ..common.window import *

_with_coarse_labels(nodes, _tasks)

int_inference_export_input_shape = dict(image=None, layout="nhwc")  # pixel by pixel, as cameras and OpenCV give it
