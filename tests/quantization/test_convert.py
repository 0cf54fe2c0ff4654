"""The promise: fake-quant (float32), fake-quant (float64) and the integer network give the same raw values, all of them."""

import copy

import pytest
import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.graph import grids, read_program
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.quantization import (
    QConfig,
    QConfigMap,
    build_integer_net,
    calibrate,
    convert,
    fold_bn,
    freeze,
    integer_state,
    load_integer_state,
    prepare,
    set_observing,
)
from tests.quantization.helpers import differing, images, outputs, randomize
from tests.tiny import BACKBONE, NECK, detection_head, segmentation_head, tiny_graphs


def step_two(net: MultiTaskNet, x: Tensor, qconfigs: QConfigMap = QConfigMap(), steps: int = 2) -> MultiTaskNet:  # noqa: B008
    """Prepared, calibrated, trained a little before and after the fold, as steps 0 to 2 do."""
    prepare(net, qconfigs)
    calibrate(net, [x])
    set_observing(net, True)
    for pattern in ("nodes.backbone.*", "nodes.*"):
        fold_bn(net, [pattern])
        optimizer = torch.optim.SGD(net.train().parameters(), 1e-4)
        for _ in range(steps):
            optimizer.zero_grad()
            sum(v.square().mean() for maps in net(x).values() for v in maps.values()).backward()
            optimizer.step()
    return net.eval()


@pytest.mark.parametrize("config", [QConfig(), QConfig(weight_bits=7, observer="mse"),
                                    QConfig(weight_granularity="tensor", head_output="quantized"), QConfig(skip_sum="quantized")],
                         ids=["default", "7bit", "tensor", "rounded sums"])
def test_integers_equal_fake_quant(net: MultiTaskNet, x: Tensor, config: QConfig) -> None:
    step_two(net, x, QConfigMap(config))
    new = images(2, seed=1)
    want = outputs(net, (new.float() - 128) / 128)
    assert differing(outputs(convert(net), new), want) == 0
    freeze(net)
    assert differing(outputs(net, (new.float() - 128) / 128), want) == 0
    doubled = outputs(copy.deepcopy(net).double(), (new.double() - 128) / 128)
    assert differing({k: v.float() for k, v in doubled.items()}, want) == 0
    assert all(v.float().double().equal(v) for v in doubled.values())  # float64 sums had nothing that float32 cannot hold


@pytest.mark.slow
def test_six_tasks_of_default_width(x: Tensor) -> None:
    backbone = type(BACKBONE)("backbone", "VarGNetV2", params={"width": 0.5, "group_base": 8})
    torch.manual_seed(0)
    heads = [detection_head(f"d{i}") for i in range(4)] + [segmentation_head(f"s{i}", 12) for i in range(2)]
    net = build_network({head.name: (backbone, NECK, head) for head in heads})
    randomize(net, x)
    step_two(net, x, steps=1)
    new = images(2, seed=1)
    assert differing(outputs(convert(net), new), outputs(net, (new.float() - 128) / 128)) == 0


def test_freezing_is_idempotent_and_training_on_moves_no_scale(net: MultiTaskNet, x: Tensor) -> None:
    freeze(step_two(net, x))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    freeze(net)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
    net.train()(x)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())


@pytest.mark.parametrize("skip_sum", ["accumulator", "quantized"])
def test_both_networks_come_back_from_the_integers_alone(net: MultiTaskNet, x: Tensor, skip_sum: str) -> None:
    heads, sums = QConfig(head_output="quantized"), QConfig(skip_sum=skip_sum)
    step_two(net, x, QConfigMap(overrides={"seg_head": heads, "backbone": sums}))
    state = integer_state(net)
    assert {v.dtype for v in state.values()} == {torch.int8, torch.int32}
    fresh, new = build_network(tiny_graphs()), images(1, seed=2)
    integer = build_integer_net(read_program(fresh), state)
    load_integer_state(fresh, state)
    want = outputs(net, (new.float() - 128) / 128)
    assert differing(outputs(fresh, (new.float() - 128) / 128), want) == 0
    assert differing(outputs(integer, new), want) == 0
    again = integer_state(fresh)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[k], v) for k, v in state.items())


def test_integer_network_holds_no_float(net: MultiTaskNet, x: Tensor) -> None:
    integer = convert(step_two(net, x))
    assert not list(integer.parameters())
    assert not any(b.is_floating_point() for b in integer.buffers())
    with pytest.raises(TypeError, match="uint8"):
        integer(x)


def test_a_sum_beyond_the_bound_names_layer_channel_and_value(net: MultiTaskNet, x: Tensor) -> None:
    state = integer_state(step_two(net, x))
    state["nodes.neck.levels.0.conv.pointwise.bias"][5] = 2**24
    with pytest.raises(UserError, match=r"'nodes.neck.levels.0.conv.pointwise', channel 5: its sum can reach \d{8,}"):
        build_integer_net(read_program(net), state)


def test_a_sum_of_scales_too_far_apart(net: MultiTaskNet, x: Tensor) -> None:
    state = integer_state(step_two(net, x, QConfigMap(QConfig(skip_sum="quantized"))))
    layer = next(name.removesuffix(".conv_exponent") for name in state if name.endswith(".conv_exponent"))
    state[f"{layer}.conv_exponent"].fill_(20)
    with pytest.raises(UserError, match=rf"'{layer}': its sum with the skip can reach \d{{8,}} steps.*skip_sum"):
        build_integer_net(read_program(net), state)


def test_state_of_another_network_is_an_error(net: MultiTaskNet, x: Tensor) -> None:
    state = integer_state(step_two(net, x))
    missing = {k: v for k, v in state.items() if not k.endswith("stem.bias")}
    other_shape = state | {"nodes.backbone.stem.weight": state["nodes.backbone.stem.weight"][:4]}
    for broken, message in ((missing, "has no 'nodes.backbone.stem.bias'"), (state | {"x.weight": torch.zeros(1)}, "'x.weight'"),
                            (other_shape, r"shape \(4, 3, 3, 3\)")):
        with pytest.raises(UserError, match=message):
            load_integer_state(build_network(tiny_graphs()), broken)


def test_a_state_with_some_of_its_rounded_sums(net: MultiTaskNet, x: Tensor) -> None:
    state = integer_state(step_two(net, x, QConfigMap(QConfig(skip_sum="quantized"))))
    name = next(name for name in state if name.endswith(".conv_exponent"))
    for broken, message in (({k: v for k, v in state.items() if k != name}, f"has no '{name}'"),
                            (state | {name: torch.zeros(3, dtype=torch.int8)}, rf"'{name}' has the shape \(3,\)")):
        with pytest.raises(UserError, match=message):
            load_integer_state(build_network(tiny_graphs()), broken)


def test_concat_of_different_scales_is_an_error(net: MultiTaskNet, x: Tensor) -> None:
    state = integer_state(step_two(net, x))
    state["nodes.seg_head.context.output_exponent"] -= 1
    with pytest.raises(UserError, match="different scales"):
        grids(read_program(net), state)


@pytest.mark.parametrize(("config", "fold", "message"), [
    (QConfig(), False, "still has BN"),
    (QConfig(scale_mode="float"), True, "scale_mode='float'"),
    (QConfig(not_quant_pattern=("nodes.neck.levels.0.*",)), True, "left in float"),
])
def test_what_cannot_become_integers_is_refused(net: MultiTaskNet, x: Tensor, config: QConfig, fold: bool, message: str) -> None:
    prepare(net, QConfigMap(config))
    calibrate(net, [x])
    if fold:
        fold_bn(net, ["nodes.*"])
    with pytest.raises(UserError, match=message):
        convert(net)


def test_a_network_that_never_saw_an_image_is_refused(net: MultiTaskNet) -> None:
    prepare(net)
    fold_bn(net, ["nodes.*"])
    with pytest.raises(UserError, match="no activation scale yet"):
        freeze(net)
