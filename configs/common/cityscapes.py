"""Cityscapes as it is published: 19 classes, images of 1024x2048 in `leftImg8bit`, label ids in `gtFine`."""

from mmengine.config import read_base

with read_base():
    from .photometric import photometric

data_root = "data/cityscapes"

# label id -> train id; 255 is ignored
_train_ids = {**dict.fromkeys(range(34), 255), 7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10,
              24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
_pairs = dict(type="MaskFolder", image_suffix="_leftImg8bit.png", mask_suffix="_gtFine_labelIds.png", label_map=_train_ids)

sources = dict(
    seg_train=dict(_pairs, images="{data_root}/leftImg8bit/train", masks="{data_root}/gtFine/train"),
    seg_val=dict(_pairs, images="{data_root}/leftImg8bit/val", masks="{data_root}/gtFine/val"),
)

# What a segmentation task on these data consists of, but for its nodes and loss.
_seg = dict(
    kind="segmentation",
    classes=["road", "sidewalk", "building", "wall", "fence", "pole", "traffic_light", "traffic_sign", "vegetation", "terrain",
             "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"],
    train=["seg_train"], val=["seg_val"],
)

train_geometry = dict(resize_type="none", crop_hw=[512, 1024], scale_range=[0.5, 2.0], scale_step=0.25)
deploy_geometry = dict(resized_hw=[1024, 2048], drop_top=0, input_hw=[1024, 2048])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto")
pipeline_test = dict(iterations=6, batch_size=2)
