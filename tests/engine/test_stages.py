import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.engine.stages import fold_for_step, network_at, quantization_of
from mtzoo.quantization import is_prepared, layers_with_bn
from tests.tiny import config_values, tiny_config


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path, ["seg"])


def test_each_step_has_the_structure_of_the_table(config):
    heads = [name for name in layers_with_bn(network_at(config, 0, quantized=False)) if name.startswith("nodes.seg_head.")]
    assert not is_prepared(network_at(config, 0, quantized=False))
    assert is_prepared(network_at(config, 0, quantized=True))
    assert layers_with_bn(network_at(config, 1, quantized=True)) == heads
    assert layers_with_bn(network_at(config, 2, quantized=True)) == []
    assert layers_with_bn(network_at(config, 3, quantized=True)) == []


def test_replayed_folds_have_the_names_of_trained_ones(config):
    """What a checkpoint of step 1 holds is what the network made for resuming wants."""
    trained = network_at(config, 0, quantized=True)
    fold_for_step(trained, config, 1)
    assert trained.state_dict().keys() == network_at(config, 1, quantized=True).state_dict().keys()


def test_the_same_config_starts_with_the_same_weights(config, tmp_path):
    first, second = (network_at(config, 0, quantized=False).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    env = {**config.resolved["env"], "seed": 5}
    other = network_at(tiny_config(tmp_path, ["seg"], env=env), 0, quantized=False).state_dict()
    assert not torch.equal(first["nodes.backbone.stem.conv.weight"], other["nodes.backbone.stem.conv.weight"])


def test_a_head_says_how_it_is_quantized(tmp_path):
    values = config_values(tmp_path)
    values["tasks"]["seg"]["quantization"] = {"weight_bits": 7}
    quantization = quantization_of(config_from_dict(values))
    assert quantization.of_module("nodes.seg_head.classify").weight_bits == 7
    assert quantization.of_module("nodes.det_head.cls.0").weight_bits == 8
    assert quantization.of_module("nodes.backbone.stem").weight_bits == 8
    net = network_at(config_from_dict(values), 0, quantized=True)
    assert net.nodes["seg_head"].classify.weight_quant.limit == 63
    assert net.nodes["backbone"].stem.weight_quant.limit == 127
