import numpy as np
import pytest
import torch

from mtzoo.compression.importance import WEIGHT_SCORES, taylor_scores, weight_scores
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from tests.tiny import tiny_graphs

STEM = "nodes.backbone.stem"


def layer(rows: list[list[float]], gamma: list[float]) -> ConvBNAct:
    made = ConvBNAct(2, len(rows), 1)
    with torch.no_grad():
        made.conv.weight.copy_(torch.tensor(rows)[:, :, None, None])
        made.bn.weight.copy_(torch.tensor(gamma))
    return made


def test_by_hand():
    given = layer([[3.0, -4.0], [0.0, 0.0], [0.0, 1.0]], [-2.0, 0.5, 0.0])
    assert WEIGHT_SCORES["l1"](given).tolist() == [7, 0, 1]
    assert WEIGHT_SCORES["l2"](given).tolist() == [5, 0, 1]
    assert WEIGHT_SCORES["bn_scale"](given).tolist() == [2, 0.5, 0]
    distances = [5 + 34 ** 0.5, 5 + 1, 34 ** 0.5 + 1]  # to the two others
    assert WEIGHT_SCORES["fpgm"](given).tolist() == pytest.approx(distances)


@pytest.mark.parametrize("importance", WEIGHT_SCORES)
def test_every_layer_has_the_mean_one(importance):
    net = build_network(tiny_graphs())
    scores = weight_scores(net, importance)
    assert set(scores) == {name for name, m in net.named_modules() if isinstance(m, ConvBNAct)}
    for values in scores.values():
        assert values.mean() == pytest.approx(1)


def test_taylor_is_the_squared_gradient_of_a_gate(wide_net):
    net = wide_net(tiny_graphs())
    x = torch.randn(1, 3, 64, 96)

    def loss(gate=None):
        handle = None
        if gate is not None:
            handle = net.get_submodule(STEM).register_forward_hook(lambda m, a, out: out * gate.view(1, -1, 1, 1))
        outputs = net(x)
        if handle:
            handle.remove()
        return sum(value.square().mean() for maps in outputs.values() for value in maps.values())

    gate = torch.ones(8, requires_grad=True)  # the stem has no ReLU: a gate after it is a gate after its BN
    expected, = torch.autograd.grad(loss(gate), gate)
    scores = taylor_scores(net, [loss()])
    np.testing.assert_allclose(scores[STEM], expected.double().square().numpy(), rtol=1e-3)
    assert all(np.isfinite(values).all() and values.max() > 0 for values in scores.values())
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(ValueError, match="no loss"):
        taylor_scores(net, [])
