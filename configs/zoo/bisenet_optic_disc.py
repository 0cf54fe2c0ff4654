"""Two classes in a folder of your own: BiSeNetV2, 1,000 iterations at 512x512 (docs/training.md). Give --cfg-options data_root=DIR."""

from mmengine.config import read_base

with read_base():
    from ..common.folder import *
    from ..common.schedules import _sgd_poly
    from .bisenetv2 import fusion_bn_patterns, nodes, tasks

tasks = dict(seg={**tasks["seg"], **_seg, "loss": dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full")})

solver = _sgd_poly(iterations=1000, lr=0.01, batch_size=4)
