"""4pe_resize on ResNet-18 (ResNet-D); weights="imagenet" starts from timm's."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

nodes["backbone"] = dict(type="ResNetVD", depth=18)
