import itertools

import pytest

from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.compression.importance import weight_scores
from mtzoo.compression.pruning import prune
from mtzoo.compression.selection import choice_of, order_steps
from mtzoo.compression.widths import ChannelState
from mtzoo.graph import output_positions, read_program
from mtzoo.models import build_network
from mtzoo.models.costs import node_costs
from tests.tiny import HW, tiny_graphs


def plan(net, cost, scope, limits=None, *, blocks=True):
    program, scores = read_program(net), weight_scores(net, "l2")
    groups = channel_groups(program, scores, align=4, blocks=blocks)
    widths = ChannelState(program, output_positions(net, HW), cost)
    return groups, list(order_steps(groups, scores, widths, scope, limits))


@pytest.mark.parametrize("scope", ["global", "uniform"])
@pytest.mark.parametrize("cost", ["params", "macs"])
def test_what_a_step_claims_to_save_is_saved(cost, scope):
    net = build_network(tiny_graphs())
    before = sum(getattr(node, cost) for node in node_costs(net, HW))
    groups, steps = plan(net, cost, scope)
    assert [s.removed for s in steps] == sorted(s.removed for s in steps)
    reached = next(i for i, s in enumerate(steps) if s.removed >= 0.3)
    prune(net, removed_channels(choice_of(steps[:reached + 1]), groups))
    after = sum(getattr(node, cost) for node in node_costs(net, HW))
    assert 1 - after / before == pytest.approx(steps[reached].removed, abs=1e-12)


def test_every_group_ends_at_its_last_count_and_none_is_empty():
    net = build_network(tiny_graphs())
    groups, steps = plan(net, "macs", "global", blocks=False)
    assert choice_of(steps) == {group.name: group.counts[-1] for group in groups}
    assert all(choice_of(steps).values())


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_blocks_go_once_and_nothing_is_taken_from_them_afterwards(cost):
    groups, steps = plan(build_network(tiny_graphs()), cost, "global")
    blocks = {group.name: set(group.layers) for group in groups if group.kind == "block"}
    layers = {group.name: set(group.layers) for group in groups}
    gone = {step.group: i for i, step in enumerate(steps) if step.group in blocks}
    assert gone.keys() == blocks.keys()
    for name, at in gone.items():
        assert not any(layers[step.group] <= blocks[name] for step in steps[at + 1:])
    assert all(later.removed > earlier.removed for earlier, later in itertools.pairwise(steps))


def test_time_of_its_own_makes_a_layer_worth_taking_whole():
    net = build_network(tiny_graphs())
    program = read_program(net)
    names, positions = [call.name for call in program.convs], output_positions(net, HW)
    widths = ChannelState(program, positions, "latency", dict.fromkeys(names, 7.0))
    assert widths.total() == 7.0 * len(names)
    groups = {group.name: group for group in channel_groups(program, weight_scores(net, "l2"), align=4)}
    block = groups["nodes.backbone.stages.3.3"]
    assert widths.saving(groups["nodes.backbone.stages.3.3.conv.spatial"].removed(8)) == 0  # narrower, no quicker
    assert widths.saving(block.units) == 7.0 * 4
    widths.remove(block.units)
    assert widths.total() == 7.0 * (len(names) - 4)
    assert widths.score([block.gates], weight_scores(net, "l2")) == 0


def test_uniform_takes_the_same_share_of_every_group_first():
    net = build_network(tiny_graphs())
    groups, steps = plan(net, "macs", "uniform")
    sizes = {group.name: len(group.units) for group in groups}
    shares = [1 - s.count / sizes[s.group] for s in steps]
    assert shares == sorted(shares)


def test_limits_hold_and_groups_without_one_stay():
    net = build_network(tiny_graphs())
    groups, _ = plan(net, "macs", "global")
    free = max(groups, key=lambda group: len(group.counts))
    _, steps = plan(net, "macs", "global", {free.name: free.counts[1]})
    assert [(s.group, s.count) for s in steps] == [(free.name, free.counts[1])]
