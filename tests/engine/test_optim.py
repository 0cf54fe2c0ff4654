import math

import pytest
import torch
from torch import nn

from mtzoo.config.schema import OptimizerSpec, ScheduleSpec
from mtzoo.engine.optim import build_optimizer, build_schedule, learning_rate_factor


def test_warm_up_rises_linearly_to_the_full_rate():
    spec = ScheduleSpec("constant", warmup_iterations=4)
    assert [learning_rate_factor(i, 100, spec) for i in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_a_short_phase_warms_up_for_a_third_at_most():
    spec = ScheduleSpec("cosine", warmup_iterations=100)
    factors = [learning_rate_factor(i, 9, spec) for i in range(9)]
    assert factors[3] == 1.0
    assert max(factors) == 1.0


@pytest.mark.parametrize(("spec", "start", "half", "end"), [
    (ScheduleSpec("cosine"), 1.0, 0.5, 0.0),
    (ScheduleSpec("cosine", min_lr_ratio=0.1), 1.0, 0.55, 0.1),
    (ScheduleSpec("poly", power=0.9), 1.0, 0.5**0.9, 0.0),
    (ScheduleSpec("poly", power=2.0, min_lr_ratio=0.5), 1.0, 0.5 + 0.5 * 0.25, 0.5),
    (ScheduleSpec("constant"), 1.0, 1.0, 1.0),
])
def test_known_points_of_each_curve(spec, start, half, end):
    assert [learning_rate_factor(i, 100, spec) for i in (0, 50, 100)] == pytest.approx([start, half, end])
    assert learning_rate_factor(200, 100, spec) == pytest.approx(end)  # beyond the end it stays


def test_the_quarter_of_a_cosine_after_warm_up():
    assert learning_rate_factor(10 + 45, 100, ScheduleSpec("cosine", 10)) == pytest.approx(0.5)
    assert learning_rate_factor(10 + 30, 100, ScheduleSpec("cosine", 10)) == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))


def test_a_schedule_drives_the_optimizer_and_resumes():
    spec = ScheduleSpec("cosine", warmup_iterations=3)

    def made():
        optimizer = build_optimizer([nn.Linear(2, 2)], OptimizerSpec("SGD", lr=0.4))
        return optimizer, build_schedule(optimizer, 20, spec)

    optimizer, schedule = made()
    seen = []
    for _ in range(20):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx([0.4 * learning_rate_factor(i, 20, spec) for i in range(20)])
    again, resumed = made()
    optimizer, schedule = made()
    for _ in range(7):
        optimizer.step()
        schedule.step()
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == pytest.approx(seen[8])


def test_weight_decay_spares_vectors_and_scalars():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    net.register_parameter("balance", nn.Parameter(torch.zeros(())))
    decayed, spared = build_optimizer([net], OptimizerSpec("AdamW", lr=1e-3, weight_decay=0.3)).param_groups
    assert [p.shape for p in decayed["params"]] == [net[0].weight.shape]
    assert decayed["weight_decay"] == 0.3
    assert len(spared["params"]) == 4  # conv bias, BN weight and bias, balance
    assert spared["weight_decay"] == 0.0


def test_optimizers_are_what_the_spec_says():
    sgd = build_optimizer([nn.Linear(2, 2)], OptimizerSpec("SGD", lr=0.1, momentum=0.8))
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["momentum"] == 0.8
    assert sgd.defaults["nesterov"]
    assert not build_optimizer([nn.Linear(2, 2)], OptimizerSpec("SGD", momentum=0.0)).defaults["nesterov"]
    assert isinstance(build_optimizer([nn.Linear(2, 2)], OptimizerSpec("AdamW")), torch.optim.AdamW)
