"""Networks of torchvision and timm, quantized on random weights: fake-quant, integers and both runtimes say the same."""

from collections.abc import Sequence

import openvino
import pytest
import torch

from mtzoo.deploy.export import build_model
from mtzoo.engine.backbones import INTEGER, Backbone, check, compare, describe, frozen_network
from mtzoo.engine.random_weights import noise_images
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.models.torchvision_backbone import torchvision_names
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.ops.precision import exact_float32
from mtzoo.structures import flatten_outputs

ONE_OF_EACH = ("alexnet", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small",
               "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "vgg11_bn")
OF_TIMM = ("cs3darknet_s", "efficientnet_lite0", "hardcorenas_a", "mobileone_s0", "regnetz_005", "repvgg_a0", "resnet18d",
           "tf_mobilenetv3_small_minimal_100")
ALWAYS = {"googlenet", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "resnet18d"}
"""Branches that are joined, gates, residuals, shuffles, no BN; the others are `thorough`."""
ATTENTION = ("vit_b_16", "swin_t", "convnext_tiny", "maxvit_t")
ZERO = {INTEGER: 0, "openvino": 0, "onnxruntime": 0}


def marked(names: Sequence[str]) -> list:
    return [pytest.param(name, marks=pytest.mark.slow if name in ALWAYS else pytest.mark.thorough) for name in names]


@pytest.mark.parametrize("name", marked(ONE_OF_EACH))
def test_one_of_each_family_is_exact(name: str) -> None:
    hw = (64, 64)
    counts = compare(frozen_network("Torchvision", name, hw), hw)
    assert {executor: differing for executor, (differing, _) in counts.items()} == ZERO
    assert min(values for _, values in counts.values()) > 500


@pytest.mark.slow
@torch.no_grad()
def test_layers_in_parts_are_exact_in_openvino_without_mtzoo() -> None:
    """On CPUs with VNNI, 616 of ResNet-18's values were a step off."""
    hw = (64, 64)
    net, image = frozen_network("Torchvision", "resnet18", hw), noise_images(1, hw, seed=1)
    model = build_model(net, {}, DeployGeometry(resized_hw=hw, drop_top=0, input_hw=hw), quantized=True, postprocess=False)
    core = openvino.Core()
    found = core.compile_model(core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([image.numpy()])
    with exact_float32():
        wanted = flatten_outputs(net(normalize_image(image)))
    assert {name: int((found[name] != value.numpy()).sum()) for name, value in wanted.items()} == dict.fromkeys(wanted, 0)


@pytest.mark.parametrize("name", marked(OF_TIMM))
def test_networks_of_timm_are_exact(name: str) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    hw = (64, 64)
    counts = compare(frozen_network("Timm", name, hw), hw)
    assert {executor: differing for executor, (differing, _) in counts.items()} == ZERO


@pytest.mark.backbones
@pytest.mark.parametrize("name", torchvision_names())
def test_all_of_torchvision_are_exact_or_named(name: str) -> None:
    found = check(describe("Torchvision", name))
    if name.startswith(("vit", "swin", "convnext", "maxvit")):
        assert found.why is not None
    else:
        assert found.checked == ZERO


@pytest.mark.parametrize("name", [ATTENTION[0], *[pytest.param(name, marks=pytest.mark.thorough) for name in ATTENTION[1:]]])
def test_what_is_out_of_reach_says_why(name: str) -> None:
    found = check(describe("Torchvision", name))
    assert "layernorm" in found.why.lower().replace("_", "")
    assert found.checked is None
    assert not found.exact


def test_what_a_backbone_costs() -> None:
    found = describe("Torchvision", "resnet18")
    assert found.features == ("layer1 64/4", "layer2 128/8", "layer3 256/16", "layer4 512/32")
    assert found.parameters == 11_176_512  # torchvision's 11,689,512 less those of its classifier, 513,000
    assert found.macs == pytest.approx(1.814e9, rel=1e-3)


def test_a_network_that_cannot_be_exact_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> torch.nn.Module:
        raise UserError("layer 'x': its sum can reach 1")

    monkeypatch.setattr("mtzoo.engine.backbones.frozen_network", refuse)
    assert check(Backbone("Torchvision", "y")).why == "layer 'x': its sum can reach 1"
