"""4pe_resize: four detection and two segmentation branches on one trunk, trained in four quantization steps."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(_tasks)

# What belongs to training stands here once more, to be changed for all tasks together.
# solver[i] is step i: 0 with BN, 1 trunk's BN folded, 2 heads' BN folded, 3 integers only.
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
int_inference_export_input_shape = dict(image=(1, 3, 512, 960), im_hw=(1, 2))
