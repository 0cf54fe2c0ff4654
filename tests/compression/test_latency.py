from dataclasses import replace

import pytest
import torch

from mtzoo.compression.hardware_profile import KINDS, load_profile
from mtzoo.compression.latency import predict_latency
from mtzoo.graph import IMAGES, read_program, result_shapes
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from tests.chain import chain
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
