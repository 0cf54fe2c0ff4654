"""Cyclists and traffic lights."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_cyclist_light=_tasks["det_cyclist_light"])
