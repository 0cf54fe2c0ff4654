import builtins

import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.lowering import lower
from mtzoo.models import Timm
from mtzoo.models.timm_backbone import timm_module
from mtzoo.structures import FeatureSpec
from tests.lowering.parity import assert_close, trained

IMAGE = [FeatureSpec(3, 1, "image")]
ONE_OF_EACH = ["resnet10t", "tf_efficientnet_lite0", "mobilenetv3_small_050", "repvgg_a0", "regnety_002", "hrnet_w18_small",
               "ghostnet_050", "dla34", "lcnet_050", "ese_vovnet19b_dw", "mobilenetv4_conv_small_035", "semnasnet_050", "seresnet18"]
ALWAYS = ("mobilenetv3_small_050", "ghostnet_050", "ese_vovnet19b_dw", "seresnet18")
"""Beside the first; the others are `thorough`."""


def test_without_timm_one_line_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "timm":
            raise ImportError("No module named 'timm'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"type='Timm' needs timm .*; install it with `pip install mtzoo\[timm\]`"):
        Timm(IMAGE, name="resnet18")


@pytest.mark.parametrize("name", [ONE_OF_EACH[0], *(
    pytest.param(name, marks=pytest.mark.slow if name in ALWAYS else pytest.mark.thorough) for name in ONE_OF_EACH[1:])])
def test_networks_of_timm_give_what_timm_gives(name):
    pytest.importorskip("timm")
    module = trained(timm_module(name))
    lowered = lower(module)
    for size in ((64, 64), (96, 160)):
        assert_close(lowered, module, torch.randn(1, 3, *size))


@pytest.mark.parametrize(("name", "specs"), [
    ("resnet10t", [(64, 4, "layer1"), (128, 8, "layer2"), (256, 16, "layer3"), (512, 32, "layer4")]),
    ("tf_efficientnet_lite0", [(24, 4, "blocks.1"), (40, 8, "blocks.2"), (112, 16, "blocks.4"), (320, 32, "blocks.6")]),
])
def test_features_are_those_that_timm_names(name, specs):
    pytest.importorskip("timm")
    assert Timm(IMAGE, name=name).out_specs == specs


def test_an_unknown_name_has_a_hint():
    pytest.importorskip("timm")
    with pytest.raises(UserError, match="name='resnet10x': timm has no such network; did you mean 'resnet10t'"):
        Timm(IMAGE, name="resnet10x")


def test_the_library_says_what_its_network_reads():
    pytest.importorskip("timm")
    assert Timm(IMAGE, name="tf_efficientnet_lite0").file_reads().mean == (0.5, 0.5, 0.5)
