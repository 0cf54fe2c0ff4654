"""Cyclists and traffic lights, far away."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_cyclist_light=_tasks["det_cyclist_light"])
