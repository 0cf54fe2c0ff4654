"""4pe_resize: four detection and two segmentation branches on one trunk, trained in four quantization steps."""

from mmengine.config import read_base

with read_base():
    from .det_cyclist_light import tasks as _det_cyclist_light
    from .det_person import tasks as _det_person
    from .det_rear import tasks as _det_rear
    from .det_vehicle_sign import tasks as _det_vehicle_sign
    from .seg_default import tasks as _seg_default
    from .seg_lane import tasks as _seg_lane
    from .utils import *

tasks = dict(**_det_cyclist_light, **_det_person, **_det_rear, **_det_vehicle_sign, **_seg_default, **_seg_lane)

# What belongs to training stands here once more, to be changed for all tasks together.
# solver[i] is step i: 0 with BN, 1 trunk's BN folded, 2 heads' BN folded, 3 integers only.
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
int_inference_export_input_shape = dict(image=(1, 3, 512, 960), im_hw=(1, 2))
