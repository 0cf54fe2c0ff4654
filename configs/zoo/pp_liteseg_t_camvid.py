"""PP-LiteSeg-T on CamVid, from random weights: the recipe of zoo/seg_camvid.

docs/zoo.md has a run with a teacher: --distill-from zoo:seg_camvid_mobilenetv2.
"""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from .pp_liteseg_t import fusion_bn_patterns, nodes, tasks
    from .seg_camvid import _adamw, _cosine, _fine, augmentation

tasks["seg"].update(_seg)

_batch = dict(batch_size=8, schedule=_cosine)
solver = [
    dict(prefix="with-bn",
         float_phase=dict(_batch, iterations=3000, optimizer=dict(_adamw, lr=1.5e-3), ema=dict(decay=0.998, warmup_iterations=300)),
         quant_phase=dict(_batch, iterations=150, optimizer=_fine)),
    dict(prefix="fusion-bn-c1", quant_phase=dict(_batch, iterations=75, optimizer=dict(_fine, lr=1e-4))),
    dict(prefix="fusion-bn-c2", quant_phase=dict(_batch, iterations=75, optimizer=dict(_fine, lr=5e-5))),
    dict(prefix="int-inference"),
]
