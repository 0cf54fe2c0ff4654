"""The six tasks on dashcam frames: image sets that label some of the tasks each, and synthetic scenes for what they lack.

    bash tools/dashcam_data.sh SETS data/dashcam nanodet.onnx

Set MTZOO_DATA to SETS, which CamVid and the signs to validate on are read from; data_root is what the script has written. What a set
does not label is unknown there, not background. Sets that label no vehicles, persons and cyclists have boxes of them that NanoDet has
found (`pseudo_*`).
"""

from mmengine.config import read_base

with read_base():
    from .tasks_repnet import _tasks, nodes

data_root = "data/dashcam"

# As in zoo/seg_camvid, whose weights they can start from.
nodes["backbone"]["stem"] = "convs"
nodes["seg_tower"]["channels"] = 48

_boxes_of = dict(type="CocoBoxes", follow_links=True)
_sign_names = dict(speedlimit="sign", crosswalk="sign", stop="sign", trafficlight="traffic_light")
_camvid_names = dict(car="vehicle", sign_symbol="sign", pedestrian="person", bicyclist="cyclist")
_scenes = dict(type="SyntheticScenes", root="data", num=400, seed=1, size_hw=[540, 960], weight=0.4)
_paint = {0: 0, 1: 1, 2: 1, 3: 0}  # solid and dashed are paint, curbs are not


def _boxes(folder, weight=1.0, **spec):
    return dict(_boxes_of, images=folder + "/images", annotations=folder + "/boxes.json", weight=weight, **spec)


def _masks(folder, masks, weight=1.0, **spec):
    return dict(type="MaskFolder", images=folder + "/images", masks=folder + "/" + masks, weight=weight, **spec)


# Weights: how often an image is drawn, beside one of CamVid. Half of all crops are of dashcam frames, of which a crop shows little. Every
# other one of them has pedestrians pasted in: the frames alone show too few.
sources = dict(
    dashcam=_boxes("{data_root}/dashcam_cn/train", 6.0), dashcam_val=_boxes("{data_root}/dashcam_cn/val"),
    dashcam_pasted=_boxes("{data_root}/dashcam_pasted", 1.6),
    idd=_boxes("{data_root}/pseudo_idd", 0.3), road_boxes=_boxes("{data_root}/pseudo_road", 0.3),
    lights=_boxes("{data_root}/pseudo_lights", 0.6), lights_val=_boxes("{data_root}/traffic_lights/val"),
    pedestrians=_boxes("{data_root}/penn_fudan/train"), pedestrians_val=_boxes("{data_root}/penn_fudan/val"),
    faces=_boxes("{data_root}/car_parts/train", 0.4), faces_val=_boxes("{data_root}/car_parts/val"),
    coco=_boxes("{data_root}/coco_road/train", 2.0),
    camvid=_boxes("$MTZOO_DATA/camvid/train"), camvid_val=_boxes("$MTZOO_DATA/camvid/test_seen_drive"),
    signs=_boxes("{data_root}/pseudo_signs", 0.35), signs_val=_boxes("$MTZOO_DATA/roadsigns/val"),
    synth=dict(_scenes, labels="boxes"), synth_val=dict(_scenes, num=60, seed=2, labels="boxes"),
    road=_masks("{data_root}/road_seg/train", "seg", 0.2, follow_links=True),
    camvid_seg=_masks("$MTZOO_DATA/camvid/train", "masks", ignore_value=11),
    camvid_seg_val=_masks("$MTZOO_DATA/camvid/test_seen_drive", "masks", ignore_value=11),
    camvid_lane=_masks("$MTZOO_DATA/camvid/train", "lanes_pseudo"),
    camvid_lane_val=_masks("$MTZOO_DATA/camvid/test_seen_drive", "lanes_pseudo"),
    synth_lane=dict(_scenes, labels="lane", label_map=_paint),
    synth_lane_val=dict(_scenes, num=60, seed=2, labels="lane", label_map=_paint),
)


def _of(classes, **names):
    """The sources of these names with those of their categories that are classes of the task."""
    return [dict(sources[name], name=name, categories={old: new for old, new in renamed.items() if new in classes})
            if renamed else dict(sources[name], name=name) for name, renamed in names.items()]


_frames = dict(dashcam={}, dashcam_pasted={}, camvid=_camvid_names, signs={}, lights={}, idd={}, road_boxes={})
_train = dict(
    det_cyclist_light=dict(_frames, coco={}, synth={}),
    det_person=dict(_frames, pedestrians={}, coco={}, synth={}),
    det_rear=dict(faces={}, synth={}),
    det_vehicle_sign=dict(_frames, coco={}, synth={}),
)
_val = dict(
    det_cyclist_light=dict(dashcam_val={}, camvid_val=_camvid_names, lights_val={}, signs_val=_sign_names),
    det_person=dict(dashcam_val={}, camvid_val=_camvid_names, pedestrians_val={}),
    det_rear=dict(faces_val={}, synth_val={}),
    det_vehicle_sign=dict(dashcam_val={}, camvid_val=_camvid_names, signs_val=_sign_names),
)
for _name in _train:
    _classes = _tasks[_name]["classes"]
    _tasks[_name].update(train=_of(_classes, **_train[_name]), val=_of(_classes, **_val[_name]),
                         boxes=dict(_tasks[_name]["boxes"], nms_iou=0.5))
_tasks["det_rear"]["loss"] = dict(type="DetectionLoss", weight=0.5)
_tasks["det_person"]["loss"] = dict(type="DetectionLoss", weight=2.0)

# CamVid counts traffic lights among signs, and nobody says of its lane paint whether it is solid or dashed.
_segmentation_loss = dict(type="SegmentationLoss", logit_upsample=2)
_tasks["seg_default"].update(
    classes=["sky", "building", "pole", "road", "sidewalk", "vegetation", "sign", "fence", "vehicle", "person", "cyclist"],
    train=["camvid_seg", "road"], val=["camvid_seg_val"], labels=dict(upsample=2),
    loss=dict(_segmentation_loss, weight=1.0, lovasz_weight=1.0,
              class_weights=[1.0, 1.0, 4.0, 1.0, 1.5, 1.0, 4.0, 2.5, 1.5, 4.0, 4.0]))
_tasks["seg_lane"].update(
    classes=["background", "paint"],
    train=["camvid_lane", "synth_lane"], val=["camvid_lane_val", "synth_lane_val"], labels=dict(upsample=2),
    loss=dict(_segmentation_loss, weight=1.0, lovasz_weight=1.0, class_weights=[1.0, 3.0]))
