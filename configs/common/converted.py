"""Sources of a set that `mtzoo data convert` wrote into data_root."""

data_root = "$MTZOO_DATA"

_boxes_of = dict(type="CocoBoxes", follow_links=True)  # images are links into --data, unless they were copied
_masks_of = dict(type="MaskFolder", follow_links=True)
_train, _val = "{data_root}/train", "{data_root}/val"

# lane masks: 0 background, 1 solid, 2 dashed, 3 curb, 4 paint of which nobody says whether it is solid or dashed
_styled = {0: 0, 1: 1, 2: 2, 3: 3, 4: 255}
_paint = {0: 0, 1: 1, 2: 1, 3: 0, 4: 1}

sources = dict(
    boxes_train=dict(_boxes_of, images=_train + "/images", annotations=_train + "/boxes.json"),
    boxes_val=dict(_boxes_of, images=_val + "/images", annotations=_val + "/boxes.json"),
    seg_train=dict(_masks_of, images=_train + "/images", masks=_train + "/seg"),
    seg_val=dict(_masks_of, images=_val + "/images", masks=_val + "/seg"),
    lane_train=dict(_masks_of, images=_train + "/images", masks=_train + "/lane", label_map=_styled),
    lane_val=dict(_masks_of, images=_val + "/images", masks=_val + "/lane", label_map=_styled),
    paint_train=dict(_masks_of, images=_train + "/images", masks=_train + "/lane", label_map=_paint),
    paint_val=dict(_masks_of, images=_val + "/images", masks=_val + "/lane", label_map=_paint),
    drivable_train=dict(_masks_of, images=_train + "/images", masks=_train + "/drivable"),
    drivable_val=dict(_masks_of, images=_val + "/images", masks=_val + "/drivable"),
)
