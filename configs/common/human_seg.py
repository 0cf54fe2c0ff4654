"""Persons before any background, two classes, for the portrait size 224x400: pictures of all sizes, 0/255 masks.

Set MTZOO_DATA to the folder that holds human_seg/, or give --cfg-options data_root=DIR. The set has no split of its own.
"""

data_root = "$MTZOO_DATA"

_masks = dict(
    type="MaskFolder", images="{data_root}/human_seg/Training_Images", masks="{data_root}/human_seg/Ground_Truth",
    label_map={0: 0, 255: 1}, resize_masks=True, val_every=5,
)
sources = dict(seg_train=dict(_masks, split="train"), seg_val=dict(_masks, split="val"))

# What a segmentation task on these data consists of, but for its nodes and loss.
_seg = dict(kind="segmentation", classes=["background", "person"], train=["seg_train"], val=["seg_val"])

train_geometry = dict(resize_hw=[224, 400], crop_hw=[224, 400], scale_range=[0.75, 1.5])
deploy_geometry = dict(resized_hw=[224, 400], drop_top=0, input_hw=[224, 400])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=1200, checkpoint_interval=100)
pipeline_test = dict(iterations=6, batch_size=2)
