"""4pe_fast with label maps of one cell for 2x2 pixels, from a segmentation tower with details at stride 4: slower."""

from mmengine.config import read_base

with read_base():
    from ..common.resize import *
    from ..common.synthetic import data_root, sources
    from ..common.tasks_repnet import *  # behind resize, whose nodes it takes the place of

tasks = dict(_tasks)

int_inference_export_input_shape = dict(image=None, layout="nhwc")  # pixel by pixel, as cameras and OpenCV give it
