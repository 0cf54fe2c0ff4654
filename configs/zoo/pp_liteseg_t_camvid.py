"""PP-LiteSeg-T on CamVid."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from ..common.schedules import _sgd_poly
    from .pp_liteseg_t import fusion_bn_patterns, nodes, tasks

tasks["seg"].update(_seg)
solver = _sgd_poly(iterations=4_000, lr=0.02, weight_decay=5e-4, warmup_iterations=200)
