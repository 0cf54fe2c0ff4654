"""Networks of torchvision and timm lose channels and blocks as any other, and come back from their plan."""

import pytest
import torch

from mtzoo.compression import prune
from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.deploy.export import build_model
from mtzoo.graph import read_program
from mtzoo.graph_spec import REMOVED, NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.models.channel_plan import channels_of, dropped_blocks
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from mtzoo.runtime.executors import build_executor
from tests.quantization.helpers import differing, images, outputs, randomize

HW = (64, 96)


def graphs(kind: str, name: str, feature: str, stride: int) -> dict[str, tuple[NodeSpec, ...]]:
    head = NodeSpec("head", "DenseSegmentationHead", (f"backbone.{feature}",), {"num_classes": 2, "strides": [stride]})
    return {"seg": (NodeSpec("backbone", kind, params={"name": name, "features": [feature]}), head)}


def network(*backbone: str | int) -> MultiTaskNet:
    torch.manual_seed(0)
    net = build_network(graphs(*backbone))
    randomize(net, torch.rand(2, 3, 64, 96) * 2 - 1)
    return net.eval()


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [
    pytest.param(("Torchvision", "resnet18", "layer2", 8), marks=pytest.mark.thorough),
    ("Torchvision", "mobilenet_v3_small", "features.8", 16),
    ("Timm", "seresnet18", "layer2", 8)], ids=lambda backbone: backbone[1])
def test_a_pruned_network_comes_back_from_its_plan(backbone: tuple[str | int, ...]) -> None:
    if backbone[0] == "Timm":
        pytest.importorskip("timm", reason="timm is not installed")
    net, x = network(*backbone), torch.rand(1, 3, 64, 96) * 2 - 1
    program = read_program(net)
    scores = {call.name: torch.rand(call.module.conv.out_channels).numpy() for call in program.convs}
    groups = channel_groups(program, scores)
    blocks = [group for group in groups if group.kind == "block" and group.name.startswith("nodes.backbone")]
    choice = {group.name: group.count_at(0.4) for group in groups if group.kind != "block"} | {blocks[0].name: 0}
    prune(net, removed_channels(choice, groups))
    assert dropped_blocks(net, build_network(graphs(*backbone))) == [blocks[0].name]
    plan = channels_of(net) | {blocks[0].name: REMOVED}
    again = build_network(graphs(*backbone), plan)
    again.load_state_dict(net.state_dict())
    assert sum(p.numel() for p in net.parameters()) < 0.9 * sum(p.numel() for p in network(*backbone).parameters())
    assert differing(outputs(again, x), outputs(net, x)) == 0
    assert exported_differing(again) == 0


def exported_differing(net: MultiTaskNet) -> int:
    """Values of the network, quantized, that are others in its ONNX file."""
    image = images(1, seed=1)
    prepare(net)
    calibrate(net, [normalize_image(images())])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    model = build_model(net, {}, DeployGeometry(HW, resized_hw=HW), quantized=True, postprocess=False)
    found = build_executor("onnxruntime", model, 1).run({"image": image.numpy()})
    wanted = outputs(net, normalize_image(image))
    assert min(value.unique().numel() for value in wanted.values()) > 10
    return differing({name: torch.from_numpy(value) for name, value in found.items()}, wanted)
