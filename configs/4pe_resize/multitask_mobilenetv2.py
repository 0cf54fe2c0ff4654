"""4pe_resize on torchvision's MobileNetV2; weights="imagenet" starts from torchvision's."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

nodes["backbone"] = dict(type="Torchvision", name="mobilenet_v2", features=["features.3", "features.6", "features.13", "features.17"])
