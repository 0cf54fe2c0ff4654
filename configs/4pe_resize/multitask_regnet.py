"""4pe_resize on torchvision's RegNetX-400MF; weights="imagenet" starts from torchvision's."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

nodes["backbone"] = dict(type="Torchvision", name="regnet_x_400mf")
