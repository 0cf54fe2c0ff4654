"""The networks of configs/zoo: sizes as published."""

import pytest
import torch

from mtzoo.config import load_config
from mtzoo.engine.stages import config_network
from mtzoo.locate import find_config
from mtzoo.models.costs import node_costs

HW = (512, 1024)
PORTRAIT = {"zoo/pp_humanseg_lite": (0.132, 0.252)}
"""The same at 224x400, two classes."""
COUNTED = {
    "zoo/bisenetv2": (2.31, 16.0),
    "zoo/deeplabv3_resnet50_os8": (39.07, 324.8),
    "zoo/deeplabv3p_resnet50_os8": (26.72, 227.6),
    "zoo/deeplabv3p_mobilenetv2": (1.818, 4.773),
    "zoo/fastscnn": (1.40, 1.81),
    "zoo/fcn_hrnetw18": (9.64, 36.9),
    "zoo/fcn_hrnetw18_small": (3.94, 19.22),  # its authors: 3.9 M, and 71.6 times 2^30 at 1024x2048
    "zoo/deeplabv3p_mobilenetv2_full": (2.725, 11.369),
    "zoo/fcn_resnet50": (47.14, 395.2),
    "zoo/gcnet_resnet50_os8": (47.27, 395.2),
    "zoo/hardnet": (4.12, 8.80),
    "zoo/pp_liteseg_b": (12.23, 19.23),
    "zoo/pp_liteseg_t": (8.03, 11.4),
    "zoo/pspnet_resnet50_os8": (65.50, 511.3),
    "zoo/unet": (13.40, 253.1),
}
"""Config -> parameters in millions and GMACs at 512x1024, 19 classes, no auxiliary heads: counted from the published architecture."""


@pytest.mark.parametrize(("name", "hw", "counted"), [*[(name, HW, counted) for name, counted in COUNTED.items()],
                                                     *[(name, (224, 400), counted) for name, counted in PORTRAIT.items()]])
def test_parameters_and_macs_are_those_of_the_published_network(name, hw, counted):
    costs = node_costs(config_network(load_config(find_config(name))), hw)
    parameters, macs = sum(cost.params for cost in costs) / 1e6, sum(cost.macs for cost in costs) / 1e9
    assert (parameters, macs) == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("trunk", [pytest.param("hrnet", marks=pytest.mark.slow),
                                   *(pytest.param(name, marks=pytest.mark.thorough) for name in ("mobilenetv2", "regnet", "resnet18"))])
def test_4pe_resize_stands_on_other_trunks(trunk):
    config = load_config(find_config(f"4pe_resize/multitask_{trunk}"))
    net = config_network(config).eval()
    assert net.tasks == tuple(load_config(find_config("4pe_resize/multitask")).graphs)
    with torch.no_grad():
        outputs = net(torch.zeros(1, 3, 64, 96))
    assert {name: tuple(value.shape) for name, value in outputs["det_person"].items() if name.startswith("cls")} == {
        "cls_s8": (1, 1, 8, 12), "cls_s16": (1, 1, 4, 6), "cls_s32": (1, 1, 2, 3)}
    assert outputs["seg_lane"]["logits"].shape == (1, 4, 16, 24)
