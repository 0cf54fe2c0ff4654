import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.quantization import QConfig, QConfigMap, calibrate, prepare, set_observing
from tests.quantization.helpers import differing, outputs
from tests.tiny import tiny_graphs


@torch.no_grad()
def early_feature(net: MultiTaskNet, x: Tensor) -> Tensor:
    """After five convolutions: deeper in, a random network blows any difference up."""
    backbone = net.nodes["backbone"].eval()
    return backbone.stages[0](backbone.stem(x))


def relative_error(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean().sqrt() / b.std())


def test_prepared_network_computes_as_before_until_calibrated(net: MultiTaskNet, x: Tensor) -> None:
    before = outputs(net, x)
    prepare(net)
    assert differing(outputs(net, x), before) == 0
    calibrate(net, [x])
    assert differing(outputs(net, x), before) > 0


@pytest.mark.parametrize("config", [
    QConfig(), QConfig(observer="abs_max"), QConfig(observer="percentile"), QConfig(observer="mse"),
    QConfig(scale_mode="float"), QConfig(weight_granularity="tensor"), QConfig(weight_bits=7)],
    ids=["default", "abs_max", "percentile", "mse", "float", "tensor", "7bit"])
def test_every_way_of_quantizing_stays_near_the_float_network(net: MultiTaskNet, x: Tensor, config: QConfig) -> None:
    before = early_feature(net, x)
    prepare(net, QConfigMap(config))
    calibrate(net, [x])
    assert 0 < relative_error(early_feature(net, x), before) < 0.12


def test_layers_a_concat_joins_share_one_quantizer(net: MultiTaskNet, x: Tensor) -> None:
    prepare(net)
    head = net.nodes["seg_head"]
    assert head.spatial.act_quant is head.context.act_quant
    assert head.spatial.act_quant.observer.sources == 2
    calibrate(net, [x])
    twin = copy.deepcopy(net)
    assert twin.nodes["seg_head"].spatial.act_quant is twin.nodes["seg_head"].context.act_quant
    assert twin.nodes["seg_head"].spatial.act_quant is not head.spatial.act_quant
    assert differing(outputs(twin, x), outputs(net, x)) == 0


def test_state_names_every_tensor_once_and_survives_a_file(net: MultiTaskNet, x: Tensor, tmp_path: Path) -> None:
    prepare(net)
    calibrate(net, [x])
    state = {k: v.contiguous() for k, v in net.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")  # refuses shared memory
    other = build_network(tiny_graphs())
    prepare(other)
    other.load_state_dict(load_file(tmp_path / "net.safetensors"))
    calibrated = outputs(net, x)
    for module in other.modules():
        if hasattr(module, "enabled"):
            module.enabled = True
    assert differing(outputs(other, x), calibrated) == 0


def train(net: MultiTaskNet, optimizer: torch.optim.Optimizer, x: Tensor, steps: int) -> None:
    net.train()
    for _ in range(steps):
        optimizer.zero_grad()
        sum(v.square().mean() for maps in net(x).values() for v in maps.values()).backward()
        optimizer.step()


def test_training_resumes_exactly(net: MultiTaskNet, x: Tensor) -> None:
    prepare(net)
    calibrate(net, [x])
    set_observing(net, True)
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9)
    train(net, optimizer, x, 1)
    resumed = build_network(tiny_graphs())
    prepare(resumed)
    calibrate(resumed, [x])
    set_observing(resumed, True)
    resumed.load_state_dict(net.state_dict())
    again = torch.optim.SGD(resumed.parameters(), 1e-4, momentum=0.9)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(net, optimizer, x, 2)
    train(resumed, again, x, 2)
    after = resumed.state_dict()
    assert all(torch.equal(after[k], v) for k, v in net.state_dict().items())


def test_gradients_of_the_fake_quant_network_are_those_of_the_float_one_roughly(net: MultiTaskNet, x: Tensor) -> None:
    twin = copy.deepcopy(net)
    prepare(twin)
    calibrate(twin, [x])
    found = []
    for one in (net, twin):
        one.train()(x)["seg"]["logits"].square().mean().backward()
        found.append(torch.cat([p.grad.flatten() for p in one.nodes["seg_head"].parameters()]))
    assert torch.cosine_similarity(*found, dim=0) > 0.8


def test_patterns_and_op_types_leave_layers_in_float(net: MultiTaskNet, x: Tensor) -> None:
    prepare(net, QConfigMap(QConfig(not_quant_pattern=("nodes.seg_head.blocks.*",), op_types=("conv2d",))))
    head = net.nodes["seg_head"]
    assert head.blocks[0].conv.pointwise.weight_quant is None
    assert head.blocks[0].conv.pointwise.act_quant is None
    assert head.classify.weight_quant is not None
    assert head.classify.bias_quant is None
    assert net.nodes["det_head"].towers[0][0].spatial.weight_quant is None
    assert net.nodes["det_head"].towers[0][0].pointwise.weight_quant is not None


def test_a_head_overrides_the_default(net: MultiTaskNet) -> None:
    prepare(net, QConfigMap(QConfig(head_output="accumulator"), {"seg_head": QConfig(weight_bits=7)}))
    assert net.nodes["seg_head"].classify.weight_quant.limit == 63
    assert net.nodes["seg_head"].classify.act_quant.signed
    assert net.nodes["det_head"].cls[0].weight_quant.limit == 127
    assert net.nodes["det_head"].cls[0].act_quant is None


@pytest.mark.parametrize(("qconfigs", "message"), [
    (QConfigMap(overrides={"seg_hed": QConfig()}), "did you mean 'seg_head'"),
    (QConfigMap(QConfig(not_quant_pattern=("nodes.nek.*",))), r"'nodes.nek.\*' matches no layer"),
])
def test_names_that_fit_nothing_are_errors(net: MultiTaskNet, qconfigs: QConfigMap, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare(net, qconfigs)


def test_a_few_batches_calibrate_alike_in_any_order(net: MultiTaskNet, x: Tensor) -> None:
    prepare(net)
    other, batches = copy.deepcopy(net), [0.1 * x, x, 0.5 * x]
    calibrate(net, batches)
    calibrate(other, batches[::-1])
    averages = {name: value for name, value in net.state_dict().items() if name.endswith("observer.value")}
    assert averages
    for name, value in averages.items():
        torch.testing.assert_close(other.state_dict()[name], value)


def test_preparing_twice_and_calibrating_on_nothing_are_errors(net: MultiTaskNet) -> None:
    prepare(net)
    with pytest.raises(UserError, match="at least one image"):
        calibrate(net, [])
    with pytest.raises(UserError, match="prepare it once"):
        prepare(net)
