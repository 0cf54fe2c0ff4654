import itertools

import pytest
import torch

from mtzoo.compression import ChannelState, channel_groups, order_steps, removed_channels, weight_scores
from mtzoo.config import load_config
from mtzoo.config.channels import channel_plan
from mtzoo.engine.pruning import (
    OVERSHOOT,
    Pruning,
    importance_scores,
    layer_limits,
    plan_pruning,
    pruned_config,
    shortest,
    too_far,
    without,
)
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.graph import output_positions, read_program
from mtzoo.locate import find_config
from tests.tiny import tiny_config, write_images


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return tiny_config(write_images(tmp_path_factory.mktemp("pruning") / "data", 4))


@pytest.mark.parametrize("ratio", [0.05, 0.31, 0.5, 0.79])
def test_the_shortest_prefix_is_found_in_few_measurements(ratio):
    asked = []

    def removed(count: int) -> float:
        asked.append(count)
        return 0.008 * count

    count, value = shortest(100, removed, ratio)
    assert value == removed(count) >= ratio > removed(count - 1)
    assert len(asked) <= 10 + 2
    assert shortest(100, removed, 0.9) == (100, pytest.approx(0.8))


def test_taylor_scores_see_every_task_and_are_the_same_each_time(config):
    net = network_at(config, 0, quantized=False)
    scores = [importance_scores(config, net, "taylor") for _ in range(2)]
    assert all((scores[0][name] == scores[1][name]).all() for name in scores[0])
    for head in ("nodes.det_head.cls.0", "nodes.seg_head.classify"):
        assert scores[0][head].max() > 0


@pytest.mark.parametrize(("blocks", "align"), [(True, 4), (False, 2)])
def test_a_step_that_takes_too_much_is_left_out(config, blocks, align):
    net = network_at(config, 0, quantized=False)
    program, scores = read_program(net), weight_scores(net, "l2")
    widths = ChannelState(program, output_positions(net, config.deploy_geometry.input_hw), "macs")
    order = order_steps(channel_groups(program, scores, align, blocks=blocks), scores, widths, "global")
    before, large = next((a, b) for a, b in itertools.pairwise(order)
                         if (b.count == 0) == blocks and b.removed - a.removed > 2 * OVERSHOOT)
    ratio = before.removed + OVERSHOOT / 4
    plan = plan_pruning(config, net, Pruning(ratio, "macs", "l2", align=align, blocks=blocks))
    assert large.count < plan.choice.get(large.group, 10**6)
    assert ratio <= plan.removed <= ratio + OVERSHOOT
    whole = plan_pruning(config, net, Pruning(large.removed, "macs", "l2", align=align, blocks=blocks))
    assert whole.steps[-1] == large


def test_steps_that_a_large_one_makes_needless_are_taken_back():
    config = load_config(find_config("zoo/pp_humanseg_lite"))
    net = network_at(config, 0, quantized=False)
    scores = {layer: score * (1e-6 if ".stages." in layer else 1) for layer, score in weight_scores(net, "l1").items()}
    plan = plan_pruning(config, net, Pruning(0.2, "macs", "l1"), scores=scores)
    assert 0.2 <= plan.removed <= 0.2 + OVERSHOOT
    assert plan.choice["nodes.backbone.stem.conv"] == 16  # of 36: the large step
    assert not too_far(plan, Pruning(0.2))
    assert too_far(plan, Pruning(0.1))


def test_a_plan_keeps_the_limits_and_says_what_it_removes(config):
    net = network_at(config, 0, quantized=False)
    free = plan_pruning(config, net, Pruning(0.3, "params", "l2", align=4, blocks=False))
    assert free.removed >= 0.3
    name = next(iter(free.choice))
    held = plan_pruning(config, net, Pruning(None, "params", "l2", align=4, blocks=False), limits={name: free.choice[name]})
    assert held.choice == {name: free.choice[name]}
    with pytest.raises(UserError, match="limits of the sensitivity table at most 0.0"):
        plan_pruning(config, net, Pruning(0.3, "params", "l2", align=4, blocks=False), limits={name: free.choice[name]})
    pruned = without(net, removed_channels(free.choice, free.groups))
    ready = pruned_config(config, pruned)
    assert dict(ready.channels) == channel_plan(config, pruned)
    again = network_at(ready, 0, quantized=False)
    again.load_state_dict(pruned.state_dict())
    assert torch.equal(next(again.parameters()), next(pruned.parameters()))


def test_limits_take_the_same_share_of_each_layers_channels(config):
    net, pruning = network_at(config, 0, quantized=False), Pruning(None, importance="l1", scope="uniform", align=1, blocks=False)
    groups = {g.name: g for g in channel_groups(read_program(net), weight_scores(net, "l1"), 1, blocks=False)}
    limits = layer_limits(net, pruning, 0.5)
    assert limits == {name: group.count_at(0.5) for name, group in groups.items()}
    plan = plan_pruning(config, net, pruning, limits=limits)
    assert plan.choice == {name: count for name, count in limits.items() if count < len(groups[name].units)} != {}
    one = next(group for group in groups.values() if group.name in plan.choice)
    assert layer_limits(net, pruning, 0.5, one.layers[:1]) == {one.name: limits[one.name]}


def test_layers_that_cannot_be_pruned_are_named(config):
    net, pruning = network_at(config, 0, quantized=False), Pruning(None, importance="l1", blocks=False)
    with pytest.raises(UserError, match="no convolution 'nodes.seg_head.clasify'; did you mean 'nodes.seg_head.classify'"):
        layer_limits(net, pruning, 0.5, ["nodes.seg_head.clasify"])
    with pytest.raises(UserError, match="the channels of 'nodes.seg_head.classify' must stay"):
        layer_limits(net, pruning, 0.5, ["nodes.seg_head.classify"])
