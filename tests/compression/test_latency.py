from dataclasses import replace

import pytest
import torch
from torch import nn

from mtzoo.compression.hardware_profile import KINDS, LEAF_KINDS, STEM, load_profile
from mtzoo.compression.latency import (
    leaf_kind,
    predict_latency,
    read_operators,
    stems_of,
    unmeasured_kinds,
    unmeasured_line,
)
from mtzoo.errors import UserError
from mtzoo.graph import IMAGES, read_program, result_shapes
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import ConvBNAct, Table, UpsampleNearest
from mtzoo.models import MultiTaskNet, build_network
from tests.chain import chain
from tests.layers.leaf_cases import CASES, LeafNet
from tests.tiny import HW, tiny_graphs

ARM = load_profile("generic-arm-a75")


@pytest.fixture(scope="module")
def net():
    return build_network(tiny_graphs()).eval()


def test_shapes_are_those_of_a_real_pass(net):
    shapes, seen = result_shapes(net, HW), {}
    hooks = [call.module.register_forward_hook(lambda module, args, output, name=call.name: seen.update({name: tuple(output.shape)}))
             for call in read_program(net).calls]
    net(torch.zeros(1, 3, *HW))
    for hook in hooks:
        hook.remove()
    assert shapes == {IMAGES: (1, 3, *HW), **seen}


def test_more_work_takes_longer(net):
    now = predict_latency(net, HW, ARM, "fp32")
    assert predict_latency(net, (2 * HW[0], HW[1]), ARM, "fp32") > 1.5 * now - len(read_program(net).calls) * ARM.overhead_us * 1e-3
    assert predict_latency(net, HW, ARM, "int8") < now
    assert predict_latency(net, HW, replace(ARM, overhead_us=2 * ARM.overhead_us), "fp32") > now
    assert predict_latency(net, HW, replace(ARM, channel_alignment=32), "fp32") > now  # groups of 8 are padded to 32


def test_zeros_gain_only_where_the_hardware_has_kernels_for_them(net):
    dense, sparse = (predict_latency(net, HW, ARM, "fp32", sparsity) for sparsity in (0.0, 0.75))
    assert sparse < dense
    assert predict_latency(net, HW, ARM, "fp32", 0.9) == sparse  # not beyond what is known
    assert predict_latency(net, HW, ARM, "int8", 0.75) == predict_latency(net, HW, ARM, "int8", 0.0)


def test_sd710_gives_the_published_times_of_the_network_it_was_derived_from():
    """56.363 ms in float, 37.712 ms sparse and 49.656 ms in int8, of PP-HumanSeg-Lite on one core."""
    graph = {"seg": (NodeSpec("backbone", "PPHumanSegLite"), NodeSpec("neck", "PPHumanSegDecoder", ("backbone",)),
                     NodeSpec("head", "FCNHead", ("neck",), {"num_classes": 2, "depth": 0}))}
    network, profile = build_network(graph).eval(), load_profile("SD710")
    times = [predict_latency(network, (224, 400), profile, *how) for how in (("fp32",), ("fp32", 0.75), ("int8",))]
    assert times == pytest.approx([56.363, 37.712, 49.656], rel=0.01)
    assert profile.precisions == ("fp32", "int8")


def test_an_overhead_alone_counts_operators(net):
    instant = {"fp32": dict.fromkeys(KINDS, 1e12)}
    endless = replace(ARM, bandwidth_gb_s=1e12, overhead_us=1000.0, throughput_gmac_s=instant, conv_gvalues_s=instant,
                      skip_gvalues_s={"fp32": 1e12}, precisions=("fp32",), sparse_speedup={})
    program = read_program(net)
    outputs = sum(len(maps) for maps in program.outputs.values())
    assert predict_latency(net, HW, endless, "fp32") == pytest.approx(len(program.calls) + outputs, rel=1e-3)


def test_depthwise_convolutions_are_a_kind_of_their_own():
    """Their one channel per group is not padded to the alignment: a vector runs over the groups."""
    nets = {groups: chain(ConvBNAct(3, 64, 1), ConvBNAct(64, 64, 3, groups=groups)) for groups in (16, 64)}

    def padding(groups: int) -> float:
        one, eight = (predict_latency(nets[groups], HW, replace(ARM, channel_alignment=multiple), "fp32") for multiple in (1, 8))
        return eight - one

    macs = 64 * 9 * HW[0] * HW[1]
    others = padding(64)  # the first convolution and the last
    assert padding(16) - others == pytest.approx(1e3 * (8 * 2 - 4) * macs / (ARM.throughput_gmac_s["fp32"]["group"] * 1e9))
    slow = {"fp32": {**ARM.throughput_gmac_s["fp32"], "depthwise": 0.1}, "int8": ARM.throughput_gmac_s["int8"]}
    for groups, changed in ((64, True), (16, False)):
        now = predict_latency(nets[groups], HW, ARM, "fp32")
        assert (predict_latency(nets[groups], HW, replace(ARM, throughput_gmac_s=slow), "fp32") > now) is changed


class Enlarged(nn.Module):
    """Image -> convolution -> nearest 2 -> sigmoid -> {"out": map of 8 channels, of twice the size}."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(ConvBNAct(3, 8, 1), UpsampleNearest(2), Table("sigmoid"))

    def forward(self, image):
        return {"out": self.layers(image)}


@pytest.fixture
def enlarged():
    return MultiTaskNet({"a": Enlarged()}, {"a": ("image",)}, {"task": "a"}, {"a": ("task",)}).eval()


VALUES = 8 * HW[0] * HW[1]
MOVED, LOOKED_UP = 5 * VALUES, 8 * VALUES  # nearest reads one and writes four, the table reads and writes four


def test_other_layers_take_the_rate_of_their_kind(enlarged):
    def extra(rates):
        instant = {"int8": {"move": 1e12, "table": 1e12}}
        known = [replace(ARM, leaf_gvalues_s=given) for given in ({"int8": {**instant["int8"], **rates}}, instant)]
        slow, fast = (predict_latency(enlarged, HW, profile, "int8") for profile in known)
        return slow - fast

    assert extra({"move": 0.5}) == pytest.approx(1e3 * MOVED / 0.5e9, rel=1e-6)
    assert extra({"table": 0.25}) == pytest.approx(1e3 * LOOKED_UP / 0.25e9, rel=1e-6)
    assert extra({"window": 0.001}) == 0  # there is none


@pytest.mark.parametrize(("precision", "size"), [("fp32", 4), ("int8", 1)])
def test_kinds_that_were_not_measured_cost_their_bytes(enlarged, precision, size):
    """8 GB/s are, in values, 2 and 8 G a second; a rate of one kind changes nothing for another."""
    as_bytes = {"move": 8.0 / size, "table": 8.0 / size}
    now = predict_latency(enlarged, HW, ARM, precision)
    for given in (as_bytes, {"move": 8.0 / size}, {"window": 1.0}):
        known = replace(ARM, leaf_gvalues_s={precision: given})
        assert predict_latency(enlarged, HW, known, precision) == pytest.approx(now, rel=1e-9)


def test_it_is_told_which_of_a_networks_kinds_were_not_measured(enlarged):
    both = [read_program(enlarged)]
    assert unmeasured_kinds(both, ARM) == ["stem", "move", "table"]
    half = replace(ARM, leaf_gvalues_s={"fp32": {"move": 1.0, "table": 1.0}, "int8": {"move": 1.0}})
    assert unmeasured_kinds(both, half) == ["stem", "table"]
    assert unmeasured_line("arm.yaml", ["table"]).startswith("arm.yaml: no leaf_gvalues_s for layers of kind table, which ")
    assert unmeasured_line("arm.yaml", ["stem"]) == ("arm.yaml: no rates for stems, which are predicted as fast as other convolutions. "
                                                     "`mtzoo hardware --calibrate` measures them")
    assert "convolutions; no leaf_gvalues_s for layers of kind move, table, which" in unmeasured_line("a", ["stem", "move", "table"])


STEM_MACS, STEM_VALUES, IMAGE_VALUES = 3 * VALUES, 3 * HW[0] * HW[1] + VALUES, 3 * HW[0] * HW[1]


def with_stems(arithmetic, movement, image):
    """ARM with rates for stems, of float alone."""
    return replace(ARM, image_gvalues_s={"fp32": image},
                   throughput_gmac_s={**ARM.throughput_gmac_s, "fp32": {**ARM.throughput_gmac_s["fp32"], STEM: arithmetic}},
                   conv_gvalues_s={**ARM.conv_gvalues_s, "fp32": {**ARM.conv_gvalues_s["fp32"], STEM: movement}})


def test_the_first_convolution_and_the_image_take_the_rates_of_stems(enlarged):
    """Of three channels, that are padded to no alignment; precisions without these rates are predicted as before."""
    free = predict_latency(enlarged, HW, with_stems(1e12, 1e12, 1e12), "fp32")

    def extra(*rates):
        return predict_latency(enlarged, HW, with_stems(*rates), "fp32") - free

    assert extra(0.5, 1e12, 1e12) == pytest.approx(1e3 * STEM_MACS / 0.5e9, rel=1e-6)
    assert extra(1e12, 0.5, 1e12) == pytest.approx(1e3 * STEM_VALUES / 0.5e9, rel=1e-6)
    assert extra(1e12, 1e12, 0.5) == pytest.approx(1e3 * IMAGE_VALUES / 0.5e9, rel=1e-6)
    assert predict_latency(enlarged, HW, with_stems(0.1, 0.1, 0.1), "int8") == predict_latency(enlarged, HW, ARM, "int8")


def test_only_convolutions_of_the_image_are_stems():
    net = chain(ConvBNAct(3, 16, 3, stride=2), ConvBNAct(16, 3, 3), ConvBNAct(3, 16, 1))
    assert [call.module.conv.stride for call in stems_of(read_program(net))] == [(2, 2)]
    assert [o.stem for o in read_operators(net, HW) if o.conv is not None] == [True, False, False, False]
    depthwise = chain(ConvBNAct(3, 3, 3, groups=3), ConvBNAct(3, 16, 1))
    assert stems_of(read_program(depthwise)) == []


def test_two_convolutions_of_one_image_pay_for_it_once():
    """BiSeNetV2's branches both read it."""
    graph = {"seg": (NodeSpec("backbone", "BiSeNetV2"),
                     NodeSpec("head", "FCNHead", ("backbone.semantic",), {"num_classes": 2, "depth": 0}))}
    net = build_network(graph).eval()
    assert len(stems_of(read_program(net))) == 2
    slow, fast = (predict_latency(net, (64, 64), with_stems(1.0, 1.0, rate), "fp32") for rate in (0.5, 1e12))
    assert slow - fast == pytest.approx(1e3 * 3 * 64 * 64 / 0.5e9, rel=1e-6)


def test_every_leaf_has_a_kind_and_a_latency():
    node = LeafNet([], cases=list(CASES), padding=1, hw=HW)
    net = MultiTaskNet({"net": node}, {"net": ("image",)}, {"task": "net"}, {"net": ("task",)}).eval()
    assert {leaf_kind(call.module) for call in read_program(net).calls} == {"conv", "image", *LEAF_KINDS}
    slow = {"fp32": dict.fromkeys(LEAF_KINDS, 0.01)}
    assert predict_latency(net, HW, replace(ARM, leaf_gvalues_s=slow), "fp32") > 2 * predict_latency(net, HW, ARM, "fp32") > 0


@pytest.mark.parametrize("kind", ["pool", None])
def test_a_leaf_of_no_kind_is_an_error_that_names_it(kind, monkeypatch, enlarged):
    if kind is None:
        monkeypatch.delattr(Table, "latency_kind")
    else:
        monkeypatch.setattr(Table, "latency_kind", kind)
    with pytest.raises(UserError, match=f"Table has latency_kind {kind!r}, which is not one of conv, move, .*mtzoo/layers/table.py"):
        predict_latency(enlarged, HW, ARM, "fp32")
