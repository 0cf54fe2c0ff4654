"""Semantic segmentation, 12 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_default=_tasks["seg_default"])
