"""The network and geometry of 4pe_resize, for whatever data: trunk, input sizes, folds. `vargnet_v2_g8g8_0_5x`."""

from mmengine.config import read_base

with read_base():
    from .schedules import solver

nodes = dict(
    backbone=dict(type="VarGNetV2", width=0.5, group_base=8),
    neck=dict(type="UnetNeck", inputs=["backbone"], group_base=8),
)

# 720x1280, 940x1824, 1080x1920 and 1080x2280 become 540 rows (or 1140 columns) before the crop
train_geometry = dict(resize_hw=[540, 1140], resize_type="min_max_pairs", crop_hw=[512, 960])

# 1080x1920 -> 540x960 -> less 28 rows above
deploy_geometry = dict(resized_hw=[540, 960], drop_top=28, input_hw=[512, 960])

quantization = dict(weight_bits=8, activation_bits=8, scale_mode="power_of_two")

fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}

loss_balance = "fixed"
env = dict(default_ctx="auto", workers=2, seed=0, amp="auto")
pipeline_test = dict(iterations=6, batch_size=2)
