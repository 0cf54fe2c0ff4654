"""dashcam_crop: the tasks but for seg_default on a window of the camera's full resolution, where far objects are; the twin of dashcam_resize.

    bash tools/dashcam_data.sh SETS data/dashcam nanodet.onnx
    mtzoo quant-train --config dashcam_crop/multitask --checkpoint zoo:dashcam_resize
"""

from mmengine.config import read_base

with read_base():
    from ..common.dashcam import _tasks, data_root, nodes, sources
    from ..common.resize import fusion_bn_patterns, loss_balance, quantization, solver
    from ..common.window import *

tasks = dict(_tasks)
del tasks["seg_default"]

for _source in sources.values():
    if _source["type"] == "SyntheticScenes":
        _source["size_hw"] = [1080, 1920]

train_geometry.update(crop_hw=[256, 384], scale_range=[0.6, 1.5], focus_prob=0.9)
samples_per_epoch = 1600
env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=3000, checkpoint_interval=100)
pipeline_test = dict(iterations=6, batch_size=2)
solver[0]["float_phase"].update(epochs=30, batch_size=8, ema=dict(decay=0.998, warmup_iterations=500))
