"""4pe_fast on RepNet nano."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

nodes["backbone"]["size"] = "nano"
