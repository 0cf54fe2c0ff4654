"""The 4pe_resize network on real street images of 480x360: CamVid, road signs, and synthetic scenes for what they lack.

Set MTZOO_DATA to the folder that holds camvid/ and roadsigns/, or give --cfg-options data_root=DIR.
"""

from mmengine.config import read_base

with read_base():
    from ..common.resize import fusion_bn_patterns, loss_balance, nodes, pipeline_test, quantization
    from ..common.tasks import _boxes
    from .schedule import solver

data_root = "$MTZOO_DATA"

# What is where. An image with labels of several tasks is read once, with all of them.
_train, _val, _test = "{data_root}/camvid/train", "{data_root}/camvid/val", "{data_root}/camvid/test_seen_drive"
_camvid = dict(type="CocoBoxes")
_masks = dict(type="MaskFolder")
_signs = dict(type="CocoBoxes", weight=0.3)
_scenes = dict(type="SyntheticScenes", root="data", num=400, seed=1, size_hw=[360, 640], weight=0.15)
_scenes_val = dict(_scenes, num=60, seed=2)
sources = dict(
    camvid=dict(_camvid, images=_train + "/images", annotations=_train + "/boxes.json"),
    camvid_val=dict(_camvid, images=_val + "/images", annotations=_val + "/boxes.json"),
    camvid_test=dict(_camvid, images=_test + "/images", annotations=_test + "/boxes.json"),
    camvid_seg=dict(_masks, images=_train + "/images", masks=_train + "/masks", ignore_value=11),
    camvid_seg_val=dict(_masks, images=_val + "/images", masks=_val + "/masks", ignore_value=11),
    camvid_seg_test=dict(_masks, images=_test + "/images", masks=_test + "/masks", ignore_value=11),
    camvid_lane=dict(_masks, images=_train + "/images", masks=_train + "/lanes_pseudo"),
    camvid_lane_val=dict(_masks, images=_val + "/images", masks=_val + "/lanes_pseudo"),
    camvid_lane_test=dict(_masks, images=_test + "/images", masks=_test + "/lanes_pseudo"),
    signs=dict(_signs, images="{data_root}/roadsigns/train/images", annotations="{data_root}/roadsigns/train/boxes.json"),
    signs_val=dict(_signs, images="{data_root}/roadsigns/val/images", annotations="{data_root}/roadsigns/val/boxes.json"),
    synth=dict(_scenes, labels="boxes"),
    synth_val=dict(_scenes_val, labels="boxes"),
    synth_lane=dict(_scenes, labels="lane", label_map={0: 0, 1: 1, 2: 1, 3: 0}),  # solid and dashed are paint, curbs are not
)

train_geometry = dict(resize_hw=[360, 640], crop_hw=[288, 384], scale_range=[0.6, 1.5], focus_prob=0.3)
deploy_geometry = dict(resized_hw=[360, 480], drop_top=0, input_hw=[384, 480])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=1200, checkpoint_interval=100)
samples_per_epoch = 1000

_detection_loss = dict(type="DetectionLoss", weight=0.5)
