"""CamVid, 480x360: segmentation and the boxes of one data set, for comparisons of networks (`tools/trunk_study.py`).

Set MTZOO_DATA to the folder that holds camvid/, or give --cfg-options data_root=DIR.
"""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import _seg, _test, _train, _val, data_root, sources
    from ..common.resize import fusion_bn_patterns, loss_balance, nodes, pipeline_test, quantization, solver
    from ..common.tasks import _boxes

sources.update(
    boxes_train=dict(type="CocoBoxes", images=_train + "/images", annotations=_train + "/boxes.json"),
    boxes_val=dict(type="CocoBoxes", images=_val + "/images", annotations=_val + "/boxes.json"),
    boxes_test=dict(type="CocoBoxes", images=_test + "/images", annotations=_test + "/boxes.json"),
)

# Masks merge traffic lights with signs, and so do the boxes made of them. Metrics call a folder by its first source's name.
tasks = {
    name: dict(
        kind="detection",
        classes=list(categories.values()),
        nodes=["backbone", "neck",
               dict(name=f"{name}_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
        train=[dict(sources["boxes_train"], name="train", categories=categories)],
        val=[dict(sources["boxes_val"], name="val", categories=categories),
             dict(sources["boxes_test"], name="test", categories=categories)],
        loss=dict(type="DetectionLoss", weight=1.0),
        boxes=_boxes,
    ) for name, categories in dict(
        det_cyclist=dict(bicyclist="cyclist"),
        det_person=dict(pedestrian="person"),
        det_vehicle_sign=dict(car="vehicle", sign_symbol="sign"),
    ).items()
}
tasks["seg_default"] = dict(
    _seg,
    nodes=["backbone", "neck",
           dict(name="seg_default_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
    loss=dict(type="SegmentationLoss", weight=1.0, lovasz_weight=1.0, logit_upsample=2,
              class_weights=[1.0, 1.0, 4.0, 1.0, 1.5, 1.0, 4.0, 2.5, 1.5, 4.0, 4.0]),
    labels=dict(upsample=2),
)

train_geometry = dict(resize_type="none", crop_hw=[288, 384], scale_range=[0.6, 1.5], focus_prob=0.3)
deploy_geometry = dict(resized_hw=[360, 480], drop_top=0, input_hw=[384, 480])

env = dict(default_ctx="auto", workers=2, seed=0, amp="auto", cache_mb=1200, checkpoint_interval=200)
