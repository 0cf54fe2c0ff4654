"""torchvision's MobileNetV2 in place of RepNet, with RepNet's neck and towers: slower, and more accurate from trained weights."""


def _on_mobilenetv2(nodes, solver, quantization):
    """Change a config's values in place: `_on_mobilenetv2(nodes, solver, quantization)`."""
    nodes["backbone"] = dict(type="Torchvision", name="mobilenet_v2", features=["features.3", "features.6", "features.13", "features.17"])
    nodes["neck"] = dict(type="RepNeck", inputs=["backbone.features.6", "backbone.features.13", "backbone.features.17"], channels=96)
    nodes["seg_tower"] = dict(type="RepSegmentationTower", inputs=["backbone.features.3", "neck"], strides=[4, 8], channels=48)
    # The network starts from trained weights, which twice the rate leaves: docs/dashcam.md.
    phase = solver[0]["float_phase"]
    phase["optimizer"] = dict(phase["optimizer"], lr=1e-3, multipliers=dict(backbone=dict(lr=0.25)))
    # Calibration that clips outliers loses least: docs/zoo_measured.md.
    quantization["observer"] = "mse"
