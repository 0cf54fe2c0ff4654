import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.compression.blocks import residual_blocks
from mtzoo.deploy.export import build_model
from mtzoo.errors import UserError
from mtzoo.graph import drop_block, read_program
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.lowering import Lowered, as_leaves
from mtzoo.models import VarGNetV2, build_network
from mtzoo.models.costs import node_costs
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.quantization import calibrate, convert, fold_bn, freeze, prepare
from mtzoo.registry import NODES
from mtzoo.runtime.executors import build_executor
from mtzoo.structures import FeatureSpec
from tests.lowering.parity import assert_close, trained
from tests.quantization.helpers import differing, images, outputs, randomize

IMAGE = [FeatureSpec(3, 1, "image")]


class PlainBackbone(nn.Module):
    """Ordinary PyTorch, without out_specs."""

    def __init__(self, in_specs, *, width=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 4, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.SiLU())

    def forward(self, x):
        fine = self.stem(x)
        return [fine, self.down(fine)]


class PlainHead(nn.Module):
    """Reads a list of two maps and returns a dict."""

    def __init__(self, in_specs, *, num_classes):
        super().__init__()
        self.lateral = nn.Conv2d(in_specs[1].channels, in_specs[0].channels, 1)
        self.out = nn.Conv2d(in_specs[0].channels, num_classes, 1)

    def forward(self, features):
        fine, coarse = features
        up = F.interpolate(self.lateral(coarse), size=fine.shape[2:], mode="nearest")
        return {"logits": self.out(F.relu(fine + up))}


@pytest.fixture
def registered():
    for cls in (PlainBackbone, PlainHead):
        NODES.register_module(module=cls)
    yield
    for cls in (PlainBackbone, PlainHead):
        del NODES.module_dict[cls.__name__]


GRAPH = {"seg": (NodeSpec("backbone", "PlainBackbone"), NodeSpec("head", "PlainHead", ("backbone",), {"num_classes": 3}))}


def test_nodes_in_ordinary_pytorch_become_a_network_of_leaves(registered):
    torch.manual_seed(0)
    net = build_network(GRAPH).eval()
    assert list(net.nodes["backbone"].out_specs) == [(8, 4, "s4"), (16, 8, "s8")]
    program = read_program(net)
    assert {call.name for call in program.convs} >= {"nodes.backbone.stem.0", "nodes.head.lateral", "nodes.head.out"}
    assert program.outputs == {"seg": {"logits": "nodes.head.out"}}
    assert [call.name for call in program.convs if call.module.output == "accumulator"] == ["nodes.head.out"]
    assert [cost.type for cost in node_costs(net, (64, 96))] == ["PlainBackbone", "PlainHead"]


def test_they_compute_what_they_computed():
    backbone = trained(PlainBackbone(IMAGE))
    lowered = as_leaves(backbone, IMAGE, reads_image=True).eval()
    assert_close(lowered, backbone, torch.randn(2, 3, 64, 96))
    head = PlainHead(lowered.out_specs, num_classes=3).eval()
    assert_close(as_leaves(head, lowered.out_specs, reads_image=False), head, [torch.randn(2, 8, 16, 24), torch.randn(2, 16, 8, 12)])


class SizedByAnother(nn.Module):
    """Enlarges to the size of a map of which it reads nothing else."""

    def forward(self, features):
        return [F.interpolate(features[1], size=features[0].shape[2:], mode="bilinear")]


def test_a_map_may_be_read_for_its_size_alone():
    specs = [FeatureSpec(4, 4, "fine"), FeatureSpec(8, 8, "coarse")]
    lowered = as_leaves(SizedByAnother(), specs, reads_image=False).eval()
    assert_close(lowered, SizedByAnother(), [torch.randn(2, 4, 16, 24), torch.randn(2, 8, 8, 12)])


def test_a_size_that_a_forward_computes_is_refused():
    class Doubled(PlainBackbone):
        def forward(self, x):
            y = self.stem(x)
            return [F.interpolate(y, (2 * y.shape[2], 2 * y.shape[3]), mode="bilinear", align_corners=True)]

    with pytest.raises(UserError, match="Doubled: an image of 384x256 gives maps of 192x128, and lowered 128x192: a size that its "
                                        "forward computes became a constant; use scale_factor"):
        as_leaves(Doubled(IMAGE), IMAGE, reads_image=True)


def test_a_node_of_leaves_stays_itself():
    node = VarGNetV2(IMAGE, width=0.25)
    assert as_leaves(node, IMAGE, reads_image=True) is node


def test_own_names_of_features_stay():
    class Named(PlainBackbone):
        def __init__(self, in_specs):
            super().__init__(in_specs)
            self.out_specs = [FeatureSpec(8, 4, "fine"), FeatureSpec(16, 8, "coarse")]

    node = as_leaves(Named(IMAGE), IMAGE, reads_image=True)
    assert isinstance(node, Lowered)
    assert [spec.name for spec in node.out_specs] == ["fine", "coarse"]


def test_what_cannot_be_lowered_names_the_node(registered):
    class WithAttention(PlainBackbone):
        def forward(self, x):
            return [F.softmax(self.stem(x), 1)]

    NODES.register_module(module=WithAttention)
    try:
        with pytest.raises(UserError, match="node 'backbone': the network: softmax is attention; use convolutions"):
            build_network({"seg": (NodeSpec("backbone", "WithAttention"), GRAPH["seg"][1])})
    finally:
        del NODES.module_dict["WithAttention"]


def test_residual_blocks_of_a_lowered_node_are_found_and_dropped():
    """As those of a node that is made of leaves: block pruning sees them."""
    head = NodeSpec("head", "DenseSegmentationHead", ("backbone",), {"num_classes": 3, "strides": [4]})
    spec = NodeSpec("backbone", "Torchvision", params={"name": "resnet18", "features": ["layer1"]})
    net = build_network({"seg": (spec, head)}).eval()
    def blocks():
        return [block for block in residual_blocks(read_program(net)) if block.name.startswith("nodes.backbone")]

    found = blocks()
    assert [block.name for block in found] == ["nodes.backbone.layer1.0", "nodes.backbone.layer1.1"]
    assert found[1].input == "nodes.backbone.layer1.0.conv2"
    drop_block(net, "nodes.backbone.layer1.0")
    assert [call.name for call in read_program(net).calls if call.name.startswith("nodes.backbone.layer1")] == [
        "nodes.backbone.layer1.1.conv1", "nodes.backbone.layer1.1.conv2"]
    assert [block.name for block in blocks()] == ["nodes.backbone.layer1.1"]


class ShuffledBackbone(nn.Module):
    """A shuffle in front of a convolution, a gate, a sum and a pool."""

    def __init__(self, in_specs):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.shuffle = nn.ChannelShuffle(2)
        self.mix = nn.Sequential(nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16), nn.SiLU())
        self.gate = nn.Conv2d(16, 16, 1)

    def forward(self, x):
        x = self.stem(x)
        y = self.mix(self.shuffle(x))
        return [x + y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))]


@pytest.mark.filterwarnings("ignore::mtzoo.errors.Caution")
def test_fake_quant_integers_and_both_runtimes_agree_on_a_network_in_ordinary_pytorch():
    torch.manual_seed(0)
    NODES.register_module(module=ShuffledBackbone)
    try:
        head = NodeSpec("head", "DenseSegmentationHead", ("backbone",), {"num_classes": 3, "strides": [4]})
        net = build_network({"seg": (NodeSpec("backbone", "ShuffledBackbone"), head)})
    finally:
        del NODES.module_dict["ShuffledBackbone"]
    randomize(net, normalize_image(images()))
    prepare(net.eval())
    calibrate(net, [normalize_image(images())])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    x = images(1, seed=1)
    wanted = outputs(net, normalize_image(x))
    assert next(iter(wanted.values())).unique().numel() > 100
    assert differing(outputs(convert(net), x), wanted) == 0
    hw = tuple(x.shape[2:])
    model = build_model(net, {}, DeployGeometry(resized_hw=hw, drop_top=0, input_hw=hw), quantized=True, postprocess=False)
    for executor in ("onnxruntime", "openvino"):
        found = build_executor(executor, model, 1).run({"image": x.numpy()})
        assert differing({name: torch.from_numpy(value) for name, value in found.items()}, wanted) == 0
