"""real_resize: the six tasks on real images, as far as labels exist."""

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
