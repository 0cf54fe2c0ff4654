import math

import pytest
import torch
from torch import nn

from mtzoo.config.solver import Multiplier, OptimizerSpec, ScheduleSpec
from mtzoo.engine.freezing import frozen
from mtzoo.engine.optim import build_optimizer, build_schedule, learning_rate_factor
from mtzoo.errors import UserError


def test_warm_up_rises_linearly_to_the_full_rate():
    spec = ScheduleSpec("constant", warmup_iterations=4)
    assert [learning_rate_factor(i, 100, spec) for i in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_warm_up_starts_at_the_given_ratio():
    linear = ScheduleSpec("constant", warmup_iterations=10, warmup_ratio=0.1)
    assert [learning_rate_factor(i, 100, linear) for i in (0, 5, 9, 10)] == pytest.approx([0.1, 0.55, 0.91, 1.0])
    exponential = ScheduleSpec("poly", warmup_iterations=4, warmup="exponential", warmup_ratio=0.0001)
    assert [learning_rate_factor(i, 104, exponential) for i in (0, 1, 2, 3, 4, 54)] == pytest.approx(
        [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 0.5**0.9])


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


def test_pieces_count_iterations_from_the_beginning():
    spec = ScheduleSpec("piecewise", warmup_iterations=2, boundaries=(4, 6), factors=(0.1, 2.0))
    assert [learning_rate_factor(i, 8, spec) for i in range(8)] == pytest.approx([1 / 3, 2 / 3, 1, 1, 0.1, 0.1, 2, 2])


@pytest.mark.parametrize(("values", "said"), [
    ({"boundaries": (3,), "factors": (0.1,)}, "type='cosine' with 1 boundaries and 1 factors"),
    ({"type": "piecewise"}, "type='piecewise' with 0 boundaries and 0 factors"),
    ({"type": "piecewise", "boundaries": (3, 5), "factors": (0.1,)}, "2 boundaries and 1 factors"),
    ({"type": "piecewise", "boundaries": (5, 3), "factors": (0.1, 0.1)}, r"boundaries=\[5, 3\]: expected rising"),
    ({"type": "piecewise", "boundaries": (0,), "factors": (0.1,)}, "rising iterations above 0"),
    ({"type": "piecewise", "boundaries": (3,), "factors": (-0.1,)}, "factors="),
])
def test_pieces_that_cannot_be_are_told(values, said):
    with pytest.raises(UserError, match=said):
        ScheduleSpec(**values)


def test_the_quarter_of_a_cosine_after_warm_up():
    assert learning_rate_factor(10 + 45, 100, ScheduleSpec("cosine", 10)) == pytest.approx(0.5)
    assert learning_rate_factor(10 + 30, 100, ScheduleSpec("cosine", 10)) == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))


def test_a_cosine_that_restarts_is_torchs():
    parameter = nn.Parameter(torch.zeros(1))
    ours, theirs = (torch.optim.SGD([parameter], lr=0.1) for _ in range(2))
    schedule = build_schedule(ours, 70, ScheduleSpec(cycles=3, cycle_mult=2, min_lr_ratio=0.1))
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs, T_0=10, T_mult=2, eta_min=0.01)
    for _ in range(70):
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        ours.step(), theirs.step(), schedule.step(), reference.step()
    assert ours.param_groups[0]["lr"] == pytest.approx(0.01)  # the end is no restart


@pytest.mark.parametrize(("values", "said"), [({"type": "poly", "cycles": 2}, "only 'cosine' restarts"), ({"cycles": 0}, "cycles=0"),
                                              ({"cycle_mult": 2.0}, "there is one cycle"), ({"cycles": 2, "cycle_mult": 0.5}, "0.5")])
def test_cycles_that_cannot_be_are_told(values, said):
    with pytest.raises(UserError, match=said):
        ScheduleSpec(**values)


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


def nodes_of(*names):
    """A network of one convolution with BN for each name."""
    return nn.ModuleDict({name: nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)) for name in names})


def test_a_node_has_its_own_rate_and_decay_and_vectors_stay_free_of_it():
    net, rest = nodes_of("backbone", "neck", "seg_head"), nn.Linear(2, 2)
    spec = OptimizerSpec("SGD", lr=0.2, weight_decay=0.01, multipliers={"backbone": Multiplier(lr=0.1), "*_head": Multiplier(10, 0)})
    optimizer = build_optimizer([net, rest], spec, dict(net.items()))
    found = {p: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    wanted = {"backbone": (0.02, 0.01), "neck": (0.2, 0.01), "seg_head": (2.0, 0.0)}
    for name, (lr, decay) in wanted.items():
        conv, bn = net[name]
        assert found[conv.weight] == pytest.approx((lr, decay))
        assert all(found[p] == pytest.approx((lr, 0.0)) for p in (conv.bias, bn.weight, bn.bias))
    assert found[rest.weight] == pytest.approx((0.2, 0.01))
    assert optimizer.param_groups[0]["lr"] == 0.2  # what the progress line shows


def test_without_multipliers_the_groups_are_those_of_older_checkpoints():
    net = nodes_of("backbone", "neck")
    plain, named = build_optimizer([net], OptimizerSpec()), build_optimizer([net], OptimizerSpec(), dict(net.items()))
    assert [len(group["params"]) for group in named.param_groups] == [2, 6]
    assert named.state_dict() == plain.state_dict()


def test_a_schedule_multiplies_every_rate():
    net = nodes_of("backbone", "neck")
    spec = OptimizerSpec("SGD", lr=0.2, multipliers={"backbone": Multiplier(lr=0.1)})
    optimizer = build_optimizer([net], spec, dict(net.items()))
    schedule = build_schedule(optimizer, 100, ScheduleSpec("cosine", min_lr_ratio=0.5))
    for _ in range(50):
        optimizer.step()
        schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.15, 0.15, 0.015, 0.015])


def test_a_frozen_node_is_left_out():
    net = nodes_of("backbone", "neck")
    with frozen([net["backbone"]]):
        optimizer = build_optimizer([net], OptimizerSpec(multipliers={"backbone": Multiplier(lr=0)}), dict(net.items()))
    held = {p for group in optimizer.param_groups for p in group["params"]}
    assert held == set(net["neck"].parameters())
