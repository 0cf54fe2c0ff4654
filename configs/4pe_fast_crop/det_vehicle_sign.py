"""Whole vehicles and traffic signs, far away."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_vehicle_sign=_tasks["det_vehicle_sign"])
