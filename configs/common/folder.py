"""A folder of your own: images/ and, of the same names, masks/ (PNG, class ids; 255 is not labelled), two classes.

Give --cfg-options data_root=DIR. Every fifth image by name is for validation. A folder of its own for that, and masks of 0 and
255, are in docs/training.md.
"""

from mmengine.config import read_base

with read_base():
    from .photometric import photometric

data_root = "data/folder"

_masks = dict(type="MaskFolder", images="{data_root}/images", masks="{data_root}/masks", val_every=5)
sources = dict(seg_train=dict(_masks, split="train"), seg_val=dict(_masks, split="val"))

# What a segmentation task on these data consists of, but for its nodes and loss.
_seg = dict(kind="segmentation", classes=["background", "object"], train=["seg_train"], val=["seg_val"])

train_geometry = dict(resize_hw=[512, 512], crop_hw=[512, 512], scale_range=[0.5, 2.0])
deploy_geometry = dict(resized_hw=[512, 512], drop_top=0, input_hw=[512, 512])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto")
pipeline_test = dict(iterations=6, batch_size=2)
