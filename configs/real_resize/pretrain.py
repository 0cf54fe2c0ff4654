"""Float start for `multitask`: segmentation alone at half size, where an image costs a quarter. Run it with `mtzoo train`."""

from mmengine.config import read_base

with read_base():
    from .seg_default import *

train_geometry = dict(resize_hw=[360, 640], crop_hw=[192, 256], scale_range=[0.4, 0.9], focus_prob=0.3)
samples_per_epoch = 734  # twice each image
solver[0]["float_phase"] = dict(epochs=30, batch_size=8, optimizer=dict(type="AdamW", lr=3e-3, weight_decay=0.02),
                                schedule=dict(type="cosine", warmup_iterations=150, min_lr_ratio=0.05))
