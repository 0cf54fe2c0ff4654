"""Segmentation decided at stride 8, into label maps of one cell for 4x4 pixels: faster than a detail branch with cells of 2x2 pixels."""


def _with_coarse_labels(nodes, tasks):
    """Change a config's values in place, which read the tower of `tasks_repnet.py`: `_with_coarse_labels(nodes, _tasks)`."""
    nodes["seg_tower"] = dict(type="RepSegmentationTower", inputs=["neck"], strides=[8])
    for task in tasks.values():
        if task["kind"] == "segmentation":
            *others, head = task["nodes"]
            task["nodes"] = [*others, dict(head, pixel_shuffle=2)]
            task["labels"] = dict(stride=4, upsample=1)
