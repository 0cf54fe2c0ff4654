import torch
from torch import nn

from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from mtzoo.quantization import QConfigMap, expected_parts, wide_layers
from tests.chain import chain, folded_chain
from tests.tiny import tiny_graphs


def test_most_networks_give_up_nothing() -> None:
    net = folded_chain(ConvBNAct(3, 16, 1), ConvBNAct(16, 16, 3))
    assert wide_layers(net) == []
    assert expected_parts(build_network(tiny_graphs()), QConfigMap()) == []


def wide() -> tuple[nn.Module, nn.Module]:
    first, second = ConvBNAct(3, 300, 1), ConvBNAct(300, 16, 3)
    second.conv.weight.data.abs_()
    return first, second


def test_a_layer_in_parts_is_told() -> None:
    layer, = wide_layers(folded_chain(*wide()))
    assert (layer.name, layer.inputs, layer.parts, layer.lost) == ("nodes.chain.layers.1", 2700, 2, ())
    assert str(layer) == "layer 'nodes.chain.layers.1': 2,700 inputs for each output, computed in 2 parts"


def test_what_a_float_network_will_need_is_known_before_it_is_quantized() -> None:
    net = chain(*wide())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    layer, = expected_parts(net, QConfigMap())
    assert (layer.name, layer.parts) == ("nodes.chain.layers.1", 2)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_channel_whose_bias_makes_it_coarser_is_told() -> None:
    net = folded_chain(ConvBNAct(3, 16, 1), ConvBNAct(16, 16, 3))
    layer = net.get_submodule("nodes.chain.layers.1")
    with torch.no_grad():
        layer.weight_quant.frozen.fill_(False)
        layer.conv.weight[3] *= 1e-4
        layer.conv.bias[3] = 8.0
    told, = wide_layers(net)
    assert len(told.lost) == 1
    assert "weights of 1 of 16 channels are" in str(told)
