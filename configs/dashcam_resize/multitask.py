"""dashcam_resize: the six tasks on whole dashcam frames at half size.

    bash tools/dashcam_data.sh SETS data/dashcam nanodet.onnx
    mtzoo train --config dashcam_resize/multitask --checkpoint zoo:seg_camvid
"""

from mmengine.config import read_base

with read_base():
    from ..common.dashcam import _tasks, data_root, nodes, sources
    from ..common.resize import fusion_bn_patterns, loss_balance, quantization, solver

tasks = dict(_tasks)

# A third of a frame at a time, at half of its size; a whole one at the smallest scale, so that large cars are seen whole.
train_geometry = dict(resize_hw=[540, 1140], resize_type="min_max_pairs", crop_hw=[320, 512], scale_range=[0.45, 1.7], focus_prob=0.8)
deploy_geometry = dict(resized_hw=[540, 960], drop_top=28, input_hw=[512, 960])

samples_per_epoch = 1600
env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=3000, checkpoint_interval=100)
pipeline_test = dict(iterations=6, batch_size=2)
solver[0]["float_phase"].update(epochs=30, batch_size=8, ema=dict(decay=0.998, warmup_iterations=500))
