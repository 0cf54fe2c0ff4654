"""The smallest real thing: a few 64x96 images with boxes and masks on disk, and a config that trains two tasks on them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.graph_spec import NodeSpec

HW = (64, 96)
BACKBONE = NodeSpec("backbone", "VarGNetV2", params={"width": 0.25, "group_base": 8})
BLOCKS = [1, 1, 2, 1]
"""Of the stages in whole configs: runs of whole commands take half the time."""
NECK = NodeSpec("neck", "UnetNeck", ("backbone",), {"group_base": 8})
GRAPH_NODES = {"backbone": {"type": BACKBONE.type, **BACKBONE.params},
               "neck": {"type": NECK.type, "inputs": ["backbone"], **NECK.params}}
"""The nodes of `tiny_graphs`, for a config of the same network: `tiny_config(root, nodes=GRAPH_NODES)`."""


def detection_head(name: str = "det_head", num_classes: int = 2, **params: object) -> NodeSpec:
    return NodeSpec(name, "PerLocationDetectionHead", ("neck",), {"num_classes": num_classes, **params})


def segmentation_head(name: str = "seg_head", num_classes: int = 3, **params: object) -> NodeSpec:
    return NodeSpec(name, "DenseSegmentationHead", ("neck",), {"num_classes": num_classes, **params})


def tiny_graphs() -> dict[str, tuple[NodeSpec, ...]]:
    return {"det": (BACKBONE, NECK, detection_head()), "seg": (BACKBONE, NECK, segmentation_head())}


def write_images(root: Path, count: int = 6) -> Path:
    """`count` images with one bright rectangle each, on ground (1) below sky (0): boxes.json, masks/ (rectangle: 2), colours.txt
    (the image's label)."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    images, annotations = [], []
    for i in range(count):
        image = rng.integers(0, 60, (*HW, 3), dtype=np.uint8)
        mask = np.zeros(HW, np.uint8)
        image[HW[0] // 2:] += 80
        mask[HW[0] // 2:] = 1
        x, y = int(rng.integers(4, 50)), int(rng.integers(4, 30))
        image[y:y + 28, x:x + 40] = (40, 220, 220) if i % 2 else (220, 220, 40)
        mask[y:y + 28, x:x + 40] = 2
        cv2.imwrite(str(root / "images" / f"{i}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{i}.png"), mask)
        images.append({"id": i, "file_name": f"{i}.png", "height": HW[0], "width": HW[1]})
        annotations.append({"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [x, y, 40, 28]})
    categories = [{"id": 1, "name": "blue"}, {"id": 2, "name": "yellow"}]
    (root / "colours.txt").write_text("".join(f"{i}.png {('blue', 'yellow')[i % 2]}\n" for i in range(count)))
    (root / "boxes.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return root


def phase(iterations: int = 4, **changes: Any) -> dict[str, Any]:
    return {"iterations": iterations, "batch_size": 2, "optimizer": {"type": "AdamW", "lr": 2e-3}, **changes}


def config_values(root: Path, tasks: Sequence[str] = ("det", "seg"), **changes: Any) -> dict[str, Any]:
    """A whole config as plain data. root: of `write_images`; changes: top-level keys to replace."""
    boxes = {"type": "CocoBoxes", "images": str(root / "images"), "annotations": str(root / "boxes.json")}
    masks = {"type": "MaskFolder", "images": str(root / "images"), "masks": str(root / "masks")}
    colours = {"type": "LabelList", "images": str(root / "images"), "pairs": str(root / "colours.txt")}
    head = {"inputs": ["neck"]}
    known = {
        "det": {"kind": "detection", "classes": ["blue", "yellow"], "train": ["boxes"], "val": ["boxes"],
                "nodes": ["backbone", "neck", {"name": "det_head", "type": "PerLocationDetectionHead", **head}],
                "loss": {"type": "DetectionLoss"}},
        "seg": {"kind": "segmentation", "classes": ["sky", "ground", "thing"], "train": ["masks"], "val": ["masks"],
                "nodes": ["backbone", "neck", {"name": "seg_head", "type": "DenseSegmentationHead", **head}],
                "loss": {"type": "SegmentationLoss"}},
        "cls": {"kind": "classification", "classes": ["blue", "yellow"], "train": ["colours"], "val": ["colours"],
                "nodes": ["backbone", "neck", {"name": "cls_head", "type": "ClassificationHead", "channels": 16, **head}],
                "loss": {"type": "ClassificationLoss"}},
    }
    shape: dict[str, Any] = {"image": [1, 3, *HW]}
    if "det" in tasks:
        shape["im_hw"] = [1, 2]
    return {
        "name": "tests/tiny",
        "nodes": {**GRAPH_NODES, "backbone": {**GRAPH_NODES["backbone"], "blocks": BLOCKS}},
        "sources": {"boxes": boxes, "masks": masks, "colours": colours},
        "tasks": {task: known[task] for task in tasks},
        "train_geometry": {"crop_hw": list(HW), "resize_type": "none"},
        "deploy_geometry": {"resized_hw": list(HW), "drop_top": 0, "input_hw": list(HW)},
        "int_inference_export_input_shape": shape,
        "solver": [{"prefix": "with-bn", "float_phase": phase(), "quant_phase": phase()},
                   {"prefix": "fusion-bn-c1", "quant_phase": phase()},
                   {"prefix": "fusion-bn-c2", "quant_phase": phase()},
                   {"prefix": "int-inference"}],
        "fusion_bn_patterns": {"1": ["nodes.backbone.*", "nodes.neck.*"], "2": ["nodes.*"]},
        "env": {"default_ctx": "cpu", "workers": 0, "amp": "off", "cache_mb": 0, "log_interval": 2, "checkpoint_interval": 2,
                "keep_checkpoints": 9, "calibration_batches": 1},
        **changes,
    }


def tiny_config(root: Path, tasks: Sequence[str] = ("det", "seg"), **changes: Any) -> ExperimentConfig:
    return config_from_dict(config_values(root, tasks, **changes))


def write_config(path: Path, values: dict[str, Any]) -> Path:
    """The values as a config file in Python."""
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in values.items() if key != "name"))
    return path
