"""The best way to calibrate, found without labels."""

import numpy as np
import pytest
import torch
from torch import nn

import mtzoo
from mtzoo.foreign.search import agreement, search, settings, train_on

HW = (16, 24)


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1))
    with torch.no_grad():
        ranges = torch.logspace(-1.5, 1.5, 8)  # very different for the channels of one map
        net[0].weight *= ranges.view(-1, 1, 1, 1)
        net[0].bias *= ranges
        net[2].weight /= ranges.view(1, -1, 1, 1)
    return mtzoo.from_torch(net, torch.zeros(1, 3, *HW), mean=[0.5], std=[0.25])


def batches(seed: int) -> list[np.ndarray]:
    return [np.random.default_rng(seed).integers(0, 256, (2, 3, *HW), dtype=np.uint8)]


def test_every_setting_is_tried_and_the_best_is_taken(source):
    told = {}
    setting, tried = search(source, batches(0), batches(1), 8, told.__setitem__)
    assert list(told) == settings()
    assert tried.agreement == told[setting] == max(told.values())
    assert agreement(source, tried.quantized, batches(1)) == tried.agreement
    assert max(told[s] for s in told if s.equalize == "network") > max(told[s] for s in told if s.equalize == "none") + 0.1
    assert tried.agreement > 0.98


def test_training_takes_the_best_on_without_calibrating_again(source, monkeypatch):
    _, tried = search(source, batches(0), batches(1), 5, lambda *_: None)  # coarse weights leave something to learn
    monkeypatch.setattr(mtzoo.foreign.search, "calibrated", None)
    trained = train_on(source, tried, batches(0), batches(1), 60)
    assert trained.agreement > tried.agreement
    assert agreement(source, tried.quantized, batches(1)) == tried.agreement  # still there, in case that nothing is gained
