import pytest
import torch

from mtzoo.compression.equalize import activation_ranges, balancing_factor, equalizable_pairs, equalize, input_ranges
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.models import build_network
from mtzoo.quantization import prepare
from tests.quantization.helpers import differing, outputs
from tests.tiny import tiny_graphs


def spread(net, pairs):
    """Scale each pair's first convolution's channels by 1/64 ... 64, its second's back: the same function, badly balanced."""
    for pair in pairs:
        first, second = pair.first.module.conv, pair.second.module.conv
        factor = torch.exp2(torch.arange(first.out_channels) % 13 - 6.0)
        with torch.no_grad():
            first.weight *= factor.view(-1, 1, 1, 1)
            first.bias *= factor
            second.weight.unflatten(0, (second.groups, -1)).div_(factor.view(second.groups, 1, -1, 1, 1))


def imbalance(net, batches, pairs):
    """Largest over median range of the channels between the pairs, the worst of all."""
    ranges = activation_ranges(net, batches)
    return max(float(ranges[p.first.name].amax() / ranges[p.first.name].median().clamp_min(1e-9)) for p in pairs)


def test_pairs_have_one_reader_a_relu_and_no_skip_between(folded):
    program = read_program(folded)
    pairs = equalizable_pairs(program)
    names = {(p.first.name, p.second.name) for p in pairs}
    assert ("nodes.backbone.stages.1.1.conv.spatial", "nodes.backbone.stages.1.1.conv.pointwise") in names
    assert ("nodes.backbone.stages.1.1.conv.pointwise", "nodes.backbone.stages.1.1.out_conv.spatial") in names
    firsts = {p.first.name for p in pairs}
    assert "nodes.backbone.stem" not in firsts  # no ReLU, two readers
    assert "nodes.backbone.stages.1.1.out_conv.pointwise" not in firsts  # a skip is added to it
    assert "nodes.backbone.stages.1.0.shortcut" not in firsts  # a concat reads it
    assert not any(name.endswith(("classify", "cls.0", "box.0")) for name in firsts)
    folded.nodes["backbone"].stages[1][1].conv.spatial.activation = "none"
    folded.nodes["backbone"].stages[1][1].conv.pointwise.fixed_exponent = -4  # of its scale, which other ranges would not fit
    assert {p.first.name for p in equalizable_pairs(read_program(folded))} == firsts - {
        "nodes.backbone.stages.1.1.conv.spatial", "nodes.backbone.stages.1.1.conv.pointwise"}


@pytest.mark.parametrize("by_activations", [False, True])
def test_the_function_stays_bit_for_bit_and_ranges_come_together(folded, batches, by_activations):
    pairs = equalizable_pairs(read_program(folded))
    spread(folded, pairs)
    before, worst = outputs(folded, batches[0]), imbalance(folded, batches, pairs)
    assert equalize(folded, activation_ranges(folded, batches) if by_activations else None) > 100
    after = outputs(folded, batches[0])
    assert differing(before, after) == 0
    assert imbalance(folded, batches, pairs) < worst / 4
    assert equalize(folded, activation_ranges(folded, batches) if by_activations else None) == 0  # balanced: nothing is left to do


def test_factors_are_powers_of_two_and_zero_ranges_are_left_alone():
    made, read = torch.tensor([16.0, 1.0, 0.0, 3.0, 1e-9]), torch.tensor([1.0, 16.0, 1.0, 0.0, 1e9])
    assert balancing_factor(made, read).tolist() == [4.0, 0.25, 1.0, 1.0, 2.0**-8]


def test_input_ranges_follow_the_groups():
    conv = torch.nn.Conv2d(4, 6, 1, groups=2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 1], conv.weight[5, 0] = -3.0, 2.0  # group 0 reads channels 0, 1; group 1 channels 2, 3
    assert input_ranges(conv).tolist() == [0.0, 3.0, 2.0, 0.0]


def test_it_wants_a_folded_float_network(folded):
    with pytest.raises(UserError, match="BN is folded"):
        equalize(build_network(tiny_graphs()))
    prepare(folded)
    with pytest.raises(UserError, match="prepare it afterwards"):
        equalize(folded)
