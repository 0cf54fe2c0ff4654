"""Non-maximum suppression as ONNX, whose result has one size whatever the boxes are.

NonMaxSuppression gives as many rows as boxes stay, and shapes that only the run shows are what runtimes refuse: OpenCV, most
accelerators. So each class gets as many further boxes as it may keep at most. They lie outside the image, apart from each other and
from everything, and come last: NMS then always keeps the most that it may.
"""

import numpy as np

from mtzoo.deploy.builder import Scope


def emit_nms(b: Scope, boxes: str, classes: str, keys: str, *, sizes: tuple[int, int, int, int], iou: float) -> str:
    """(T, k) float: 1 for the boxes that NMS within their task and class keeps and that are among the first n of it.

    boxes: (T, k, 4) in the image; classes: (T, k) int64, -1 for those that are none; keys: (T, k) floats of 1 or more, no two of a task
    the same: the larger go first. sizes: T, K, k, n.
    """
    tasks, num_classes, k, n = sizes
    rows = tasks * num_classes * n
    numbers = b.constant(np.arange(num_classes, dtype=np.int64).reshape(1, -1, 1))
    own = b.op("Equal", [numbers, b.op("Unsqueeze", [classes, b.integers(1)], "classes_row")], "own_class")  # (T, K, k)
    scores = b.op("Where", [own, b.op("Unsqueeze", [keys, b.integers(1)], "keys_row"), b.float(0)], "class_keys")
    further_boxes, further_keys = _further(n)
    inputs = [b.op("Concat", [boxes, b.constant(np.tile(further_boxes, (tasks, 1, 1)))], "nms_boxes", axis=1),
              b.op("Concat", [scores, b.constant(np.tile(further_keys, (tasks, num_classes, 1)))], "nms_keys", axis=2),
              b.integers(n), b.constant(np.array([iou], np.float32)), b.constant(np.array([0], np.float32))]
    found = b.op("Reshape", [b.op("NonMaxSuppression", inputs, "nms"), b.integers(rows, 3)], "nms_rows")  # task, class, box
    task, box = (b.op("Gather", [found, b.constant(np.int64(i))], f"nms_{name}", axis=1) for i, name in ((0, "task"), (2, "box")))
    place = b.op("Add", [b.op("Mul", [task, b.constant(np.int64(k + n))], "nms_task_start"), box], "nms_places")
    hits = [b.constant(np.zeros(tasks * (k + n), np.float32)), place, b.constant(np.ones(rows, np.float32))]
    kept = b.op("Reshape", [b.op("ScatterElements", hits, "kept_flat", axis=0), b.integers(tasks, k + n)], "kept_all")
    return b.op("Slice", [kept, b.integers(0), b.integers(k), b.integers(1)], "kept")


def _further(n: int) -> tuple[np.ndarray, np.ndarray]:
    """((1, n, 4), (1, 1, n)): boxes of one pixel, a pixel apart, left of and above the image; falling keys between 0 and 1."""
    left = -2.0 * np.arange(1, n + 1)
    boxes = np.stack([left, np.full(n, -2.0), left + 1, np.full(n, -1.0)], axis=1)
    keys = np.arange(n, 0, -1) / (n + 1)
    return boxes[None].astype(np.float32), keys[None, None].astype(np.float32)
