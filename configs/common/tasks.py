"""The six tasks, for whatever network, geometry and data: a config takes those it wants.

The names in `nodes`, `train` and `val` are looked up in the tables `nodes` and `sources` of that config.
"""

_boxes = dict(score_threshold=0.05, pre_nms_top_k=200, nms_iou=0.6, top_k=100)
_detection_loss = dict(type="DetectionLoss", weight=1.0)
_segmentation_loss = dict(type="SegmentationLoss", weight=1.0)

_tasks = dict(
    det_cyclist_light=dict(
        kind="detection",
        classes=["cyclist", "traffic_light"],
        nodes=["backbone", "neck",
               dict(name="det_cyclist_light_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
        train=["boxes_train"], val=["boxes_val"], loss=_detection_loss, boxes=_boxes,
    ),
    det_person=dict(
        kind="detection",
        classes=["person"],
        nodes=["backbone", "neck",
               dict(name="det_person_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
        train=["boxes_train"], val=["boxes_val"], loss=_detection_loss, boxes=_boxes,
    ),
    det_rear=dict(
        kind="detection",
        classes=["vehicle_rear", "vehicle_front"],
        nodes=["backbone", "neck",
               dict(name="det_rear_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
        train=["boxes_train"], val=["boxes_val"], loss=_detection_loss, boxes=_boxes,
    ),
    det_vehicle_sign=dict(
        kind="detection",
        classes=["vehicle", "sign"],
        nodes=["backbone", "neck",
               dict(name="det_vehicle_sign_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
        train=["boxes_train"], val=["boxes_val"], loss=_detection_loss, boxes=_boxes,
    ),
    seg_default=dict(
        kind="segmentation",
        classes=["sky", "building", "pole", "road", "sidewalk",
                 "vegetation", "sign", "fence", "vehicle", "person", "cyclist", "traffic_light"],
        nodes=["backbone", "neck",
               dict(name="seg_default_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
        train=["seg_train"], val=["seg_val"], loss=_segmentation_loss,
    ),
    seg_lane=dict(
        kind="segmentation",
        classes=["background", "solid", "dashed", "curb"],
        nodes=["backbone", "neck",
               dict(name="seg_lane_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
        train=["lane_train"], val=["lane_val"], loss=_segmentation_loss,
    ),
)
