import numpy as np
import torch

from mtzoo.losses.labelled import attached_zero, is_labelled
from mtzoo.structures import IGNORE, Batch, Boxes


def test_a_batch_is_labelled_by_any_sample():
    empty = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool), np.ones(1, bool))
    masks = torch.full((2, 4, 4), IGNORE, dtype=torch.uint8)
    masks, lane = masks.clone(), masks
    masks[1, 2, 2] = 0
    batch = Batch(torch.zeros(2, 3, 4, 4), None, [], [], [], {"det": [None, empty], "none": [None, None]},
                  {"seg": masks, "lane": lane})
    labelled = {task: is_labelled(batch, task) for task in ("det", "none", "seg", "lane", "absent")}
    assert labelled == {"det": True, "none": False, "seg": True, "lane": False, "absent": False}


def test_the_zero_reaches_every_output():
    outputs = {name: torch.ones(2, requires_grad=True) for name in "xy"}
    zero = attached_zero(outputs)
    zero.backward()
    assert zero.item() == 0.0
    assert all(value.grad is not None for value in outputs.values())
