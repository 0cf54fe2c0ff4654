"""Whole vehicles and traffic signs."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_vehicle_sign=_tasks["det_vehicle_sign"])
