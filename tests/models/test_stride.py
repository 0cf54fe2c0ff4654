import pytest
from torch import nn

from mtzoo.config import config_from_dict
from mtzoo.engine.checks import check_network
from mtzoo.errors import UserError
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network, network_stride
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec
from tests.tiny import config_values, tiny_graphs


class ShallowBackbone(nn.Module):
    """Two features, the coarser of stride 8."""

    def __init__(self, in_specs):
        super().__init__()
        self.stem = ConvBNAct(3, 8, 3, stride=2)
        self.fine = ConvBNAct(8, 8, 3, stride=2)
        self.coarse = ConvBNAct(8, 16, 3, stride=2)
        self.out_specs = (FeatureSpec(8, 4, "fine"), FeatureSpec(16, 8, "coarse"))

    def forward(self, image):
        fine = self.fine(self.stem(image))
        return [fine, self.coarse(fine)]


class WindowBackbone(ShallowBackbone):
    """Works on windows of 3 coarse cells."""

    needs_stride = 24


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(NODES.module_dict, "ShallowBackbone", ShallowBackbone)
    monkeypatch.setitem(NODES.module_dict, "WindowBackbone", WindowBackbone)


def shallow(root, kind, hw):
    """A segmentation config on it."""
    values = config_values(root, ["seg"], int_inference_export_input_shape={})
    values["nodes"] = {"backbone": {"type": kind}}
    head = {"name": "seg_head", "type": "DenseSegmentationHead", "inputs": ["backbone"], "strides": [4, 8]}
    values["tasks"]["seg"]["nodes"] = ["backbone", head]
    values["fusion_bn_patterns"] = {"2": ["nodes.*"]}
    return config_from_dict({**values, "deploy_geometry": {"resized_hw": hw, "input_hw": hw}, "train_geometry": {"crop_hw": hw}})


def test_the_coarsest_feature_decides():
    assert network_stride(build_network(tiny_graphs())) == 32


def test_a_network_of_stride_8_reads_multiples_of_8(registered, tmp_path):
    config = shallow(tmp_path, "ShallowBackbone", [40, 72])
    assert network_stride(build_network(config.graphs)) == 8
    check_network(config)
    with pytest.raises(UserError, match=r"input_hw=\[40, 76\]: not multiples of the network's stride 8; use \[40, 80\]"):
        check_network(shallow(tmp_path, "ShallowBackbone", [40, 76]))


def test_a_node_may_need_more_than_its_features(registered, tmp_path):
    assert network_stride(build_network(shallow(tmp_path, "WindowBackbone", [48, 72]).graphs)) == 24
    with pytest.raises(UserError, match=r"not multiples of the network's stride 24; use \[48, 72\]"):
        check_network(shallow(tmp_path, "WindowBackbone", [40, 72]))
