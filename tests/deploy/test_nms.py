"""NMS of one size against torchvision's, box by box."""

import numpy as np
import pytest
import torch

from mtzoo.deploy.builder import GraphBuilder, Scope
from mtzoo.deploy.nms import emit_nms
from mtzoo.postprocess.boxes import class_nms
from tests.deploy.helpers import RUNTIMES, run_model

TASKS, CLASSES, K = 2, 3, 40


def kept_by(runtime, boxes, classes, keys, n, iou):
    builder = GraphBuilder()
    inputs = {"boxes": boxes, "classes": classes, "keys": keys}
    for name, value in inputs.items():
        builder.add_input(name, value.dtype.type, value.shape)
    kept = emit_nms(Scope(builder, "t"), *inputs, sizes=(TASKS, CLASSES, K, n), iou=iou)
    builder.add_output(kept, np.float32, (TASKS, K))
    return run_model(builder.model("nms"), inputs, runtime)[kept]


def some(seed, spread):
    """Boxes, many of one place; classes, -1 among them; keys."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (TASKS, K, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 20, (TASKS, K, 2))], axis=2).astype(np.float32)
    boxes[:, ::7, 2:] = boxes[:, ::7, :2]  # of no area
    classes = rng.integers(-1, CLASSES, (TASKS, K))
    keys = np.stack([rng.permutation(K) + 1 for _ in range(TASKS)]).astype(np.float32)
    return boxes, classes, keys


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("n", "iou", "spread"), [(K, 0.5, 20), (5, 0.5, 20), (K, 0.2, 4), (K, 0.9, 500)])
def test_the_same_boxes_are_kept(runtime, n, iou, spread):
    boxes, classes, keys = some(0, spread)
    kept = kept_by(runtime, boxes, classes, keys, n, iou)
    for t in range(TASKS):
        wanted = np.zeros(K, np.float32)
        for label in range(CLASSES):
            own = np.flatnonzero(classes[t] == label)
            parts = (torch.from_numpy(part[t, own]) for part in (boxes, keys, classes))
            wanted[own[class_nms(*parts, iou).numpy()[:n]]] = 1
        np.testing.assert_array_equal(kept[t], wanted)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_box_at_all(runtime):
    boxes, classes, keys = some(1, 20)
    assert not kept_by(runtime, boxes, np.full_like(classes, -1), keys, 10, 0.5).any()
