"""CamVid, 480x360, 11 classes: street drives of which every pixel is labelled.

Set MTZOO_DATA to the folder that holds camvid/, or give --cfg-options data_root=DIR.
"""

from mmengine.config import read_base

with read_base():
    from .photometric import photometric

data_root = "$MTZOO_DATA"

_masks = dict(type="MaskFolder", ignore_value=11)
_train, _val, _test = "{data_root}/camvid/train", "{data_root}/camvid/val", "{data_root}/camvid/test_seen_drive"
sources = dict(
    seg_train=dict(_masks, images=_train + "/images", masks=_train + "/masks"),
    seg_val=dict(_masks, images=_val + "/images", masks=_val + "/masks"),
    seg_test=dict(_masks, images=_test + "/images", masks=_test + "/masks"),
)

# What a segmentation task on these data consists of, but for its nodes and loss.
_seg = dict(
    kind="segmentation",
    classes=["sky", "building", "pole", "road", "sidewalk", "vegetation", "sign", "fence", "vehicle", "person", "cyclist"],
    train=["seg_train"], val=["seg_val", "seg_test"],
)

# Sides are multiples of 128: any stride divides them, and averages over 1, 2 and 4 bins are those of equal windows.
train_geometry = dict(resize_type="none", crop_hw=[256, 384], scale_range=[0.75, 1.5])
deploy_geometry = dict(resized_hw=[360, 480], drop_top=0, input_hw=[384, 512])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=1200, checkpoint_interval=100)
pipeline_test = dict(iterations=6, batch_size=2)
