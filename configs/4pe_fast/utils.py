"""What 4pe_fast changes of 4pe_resize: RepNet, a network made for matrix units, towers that the tasks share, and coarser label maps."""

from mmengine.config import read_base

with read_base():
    from ..common.coarse_labels import _with_coarse_labels
    from ..common.resize import *
    from ..common.synthetic import data_root, sources
    from ..common.tasks_repnet import *  # behind resize, whose nodes it takes the place of

_with_coarse_labels(nodes, _tasks)

int_inference_export_input_shape = dict(image=None, layout="nhwc")  # pixel by pixel, as cameras and OpenCV give it
