import pytest

from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.compression.importance import weight_scores
from mtzoo.compression.pruning import prune
from mtzoo.compression.selection import choice_of, order_steps
from mtzoo.compression.shapes import output_positions
from mtzoo.compression.widths import Widths
from mtzoo.models import build_network
from mtzoo.models.costs import node_costs
from mtzoo.quantization import read_program
from tests.tiny import HW, tiny_graphs


def plan(net, cost, scope, limits=None):
    program, scores = read_program(net), weight_scores(net, "l2")
    groups = channel_groups(program, scores, align=4)
    widths = Widths(program, output_positions(net, HW), cost)
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
    groups, steps = plan(net, "macs", "global")
    assert choice_of(steps) == {group.name: group.counts[-1] for group in groups}


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
