"""4pe_fast: the tasks, data and steps of 4pe_resize on RepNet, whose dense convolutions suit matrix units."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(_tasks)
