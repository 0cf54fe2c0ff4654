import copy

import pytest
import torch
from torchvision import models

from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.lowering import lower
from mtzoo.models import Torchvision, build_network, start_from_published
from mtzoo.models.torchvision_backbone import torchvision_module, torchvision_names
from mtzoo.structures import FeatureSpec
from tests.lowering.parity import SIZES, assert_close, trained

IMAGE = [FeatureSpec(3, 1, "image")]
HEAD = NodeSpec("head", "DenseSegmentationHead", ("backbone",), {"num_classes": 3, "strides": [4]})
QUICK = {
    "resnet18": ("layer1", "layer4"), "mobilenet_v2": ("features.3", "features"), "mobilenet_v3_small": ("features.3", "features"),
    "shufflenet_v2_x0_5": ("stage2", "conv5"), "squeezenet1_1": ("features.7",)}
SLOW = {
    "regnet_y_400mf": ("trunk_output",), "efficientnet_b0": ("features",), "densenet121": ("features.denseblock1", "features"),
    "googlenet": ("inception3b", "inception5b")}
MORE = {
    "resnext50_32x4d": ("layer2",), "wide_resnet50_2": ("layer1",), "vgg11": ("features",), "vgg11_bn": ("features.13",),
    "mnasnet0_5": ("layers.8", "layers"), "regnet_x_400mf": ("trunk_output.block2",), "efficientnet_v2_s": ("features.3",),
    "alexnet": ("features",)}
ONE_OF_EACH = [pytest.param(*case, id=case[0], marks=marks) for cases, marks in (
    (QUICK, ()), (SLOW, pytest.mark.slow), (MORE, pytest.mark.thorough)) for case in cases.items()]


@pytest.mark.parametrize(("name", "features"), ONE_OF_EACH)
def test_one_of_each_family_gives_what_torchvision_gives(name, features):
    module = trained(torchvision_module(name))
    seen = {}
    for path in features:
        module.get_submodule(path).register_forward_hook(lambda m, args, out, path=path: seen.update({path: out}))
    lowered = lower(copy.deepcopy(module), features=features)
    for size in SIZES:
        x = torch.randn(1, 3, *size)
        with torch.no_grad():
            module(x)
            for wanted, got in zip(seen.values(), lowered(x), strict=True):
                assert wanted.std() > 0
                assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_a_whole_classifier_is_lowered_too():
    module = trained(models.mobilenet_v3_small(num_classes=7))
    assert_close(lower(module), module, torch.randn(2, 3, 64, 64))


@pytest.mark.parametrize(("name", "specs"), [
    ("resnet18", [(64, 4, "layer1"), (128, 8, "layer2"), (256, 16, "layer3"), (512, 32, "layer4")]),
    ("mobilenet_v2", [(24, 4, "features.3"), (32, 8, "features.6"), (96, 16, "features.13"), (1280, 32, "features")]),
    ("squeezenet1_1", [(128, 4, "features.4"), (256, 8, "features.7"), (1000, 16, "classifier.2")]),
])
def test_usual_features_are_the_last_map_of_each_stride(name, specs):
    assert Torchvision(IMAGE, name=name).out_specs == specs


def test_asked_features_and_output_stride():
    node = Torchvision(IMAGE, name="mobilenet_v2", output_stride=16, features=["features.3", "features.17"])
    assert node.out_specs == [(24, 4, "features.3"), (320, 16, "features.17")]
    assert "features.18.0" not in dict(node.named_modules())


@pytest.mark.slow
@pytest.mark.parametrize(("output_stride", "replaced"), [(8, [False, True, True]), (16, [False, False, True])])
def test_output_stride_is_torchvisions_own(output_stride, replaced):
    module = trained(models.resnet50(replace_stride_with_dilation=replaced))
    strided = models.resnet50().eval()
    strided.load_state_dict(module.state_dict())
    lowered = lower(strided, features=["layer4"], output_stride=output_stride)
    x = torch.randn(1, 3, 64, 96)
    seen = []
    module.layer4.register_forward_hook(lambda m, args, out: seen.append(out))
    with torch.no_grad():
        module(x)
        assert (lowered(x)[0] - seen[0]).abs().max() <= 1e-5 * seen[0].abs().max()


@pytest.mark.parametrize(("params", "message"), [
    ({"name": "resnet19"}, "node 'backbone': name='resnet19': torchvision has no such classifier; did you mean 'resnet1"),
    ({"name": "vit_b_16"}, "node 'backbone': module 'encoder.layers.encoder_layer_0.ln_1': LayerNorm divides by values"),
    ({"name": "convnext_tiny"}, "node 'backbone': module 'features.0.1': layer_norm divides by values of the image"),
    ({"name": "resnet18", "features": ["layer5"]}, "node 'backbone': features: no module 'layer5' gives one map; did you mean 'layer"),
    ({"name": "resnet18", "features": ["avgpool"]}, "feature 'avgpool': .* which has no stride; choose another feature"),
    ({"name": "resnet18", "output_stride": 12}, "node 'backbone': output_stride=12: the coarsest map has stride"),
])
def test_what_cannot_be_is_one_line(params, message):
    with pytest.raises(UserError, match=message):
        build_network({"seg": (NodeSpec("backbone", "Torchvision", params=params), HEAD)})


def test_names_are_all_of_torchvisions_classifiers():
    assert {"resnet50", "googlenet", "inception_v3", "vit_b_16"} <= set(torchvision_names())
    assert "fcn_resnet50" not in torchvision_names()


def test_published_weights_from_a_file_are_taken_when_training_begins(tmp_path):
    module = trained(models.resnet18())
    torch.save(module.state_dict(), tmp_path / "resnet18.pt")
    params = {"name": "resnet18", "weights": str(tmp_path / "resnet18.pt"), "features": ["layer1"]}
    spec = NodeSpec("backbone", "Torchvision", params=params)
    net = build_network({"seg": (spec, HEAD)}).eval()
    fresh = net.nodes["backbone"].get_submodule("conv1").conv.weight.clone()
    lines = start_from_published(net)
    assert lines == [f"nodes.backbone: {len(net.nodes['backbone'].origins)} tensors from {tmp_path / 'resnet18.pt'}"]
    assert not torch.equal(net.nodes["backbone"].get_submodule("conv1").conv.weight, fresh)
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    rgb = (image.flip(1) / 255 - mean) / std
    with torch.no_grad():
        wanted = module.bn1(module.conv1(rgb)).relu()
        got = net.nodes["backbone"].get_submodule("conv1")(normalize_image(image))
    assert (got - wanted)[:, :, 2:-2, 2:-2].abs().max() < 1e-4  # but at the border, which is padded with another colour


def test_no_network_is_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    monkeypatch.setattr("torch.hub.get_dir", lambda: "nowhere")
    monkeypatch.setattr("os.makedirs", lambda *args, **kwargs: None)
    node = Torchvision(IMAGE, name="resnet18", weights="imagenet")
    with pytest.raises(UserError, match=r"torchvision cannot download those of resnet18 \(OSError: no route\); give the path"):
        node.start_from_published()
