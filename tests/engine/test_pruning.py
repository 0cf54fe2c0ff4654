import pytest
import torch

from mtzoo.compression import removed_channels
from mtzoo.config.channels import channel_plan
from mtzoo.engine.pruning import Pruning, importance_scores, plan_pruning, pruned_config, shortest, without
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
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


def test_a_plan_keeps_the_limits_and_says_what_it_removes(config):
    net = network_at(config, 0, quantized=False)
    free = plan_pruning(config, net, Pruning(0.3, "params", "l2", align=4))
    assert free.removed >= 0.3
    name = next(iter(free.choice))
    held = plan_pruning(config, net, Pruning(None, "params", "l2", align=4), limits={name: free.choice[name]})
    assert held.choice == {name: free.choice[name]}
    with pytest.raises(UserError, match="limits of the sensitivity table at most 0.0"):
        plan_pruning(config, net, Pruning(0.3, "params", "l2", align=4), limits={name: free.choice[name]})
    pruned = without(net, removed_channels(free.choice, free.groups))
    ready = pruned_config(config, pruned)
    assert dict(ready.channels) == channel_plan(config, pruned)
    again = network_at(ready, 0, quantized=False)
    again.load_state_dict(pruned.state_dict())
    assert torch.equal(next(again.parameters()), next(pruned.parameters()))
