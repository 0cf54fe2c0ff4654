import pytest
import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import fold_bn, layers_with_bn
from tests.quantization.helpers import outputs


def test_folded_network_computes_the_same(net: MultiTaskNet, x: Tensor) -> None:
    net, x = net.double(), x.double()  # else float32 errors of some twenty layers hide what eps does
    before = outputs(net, x)
    net.nodes["backbone"].stem.bn.eps = 0.1  # the real eps counts, not a default
    with_eps = outputs(net, x)
    folded = fold_bn(net, ["nodes.backbone.*"])
    assert folded
    assert all(name.startswith("nodes.backbone.") for name in folded)
    assert not any(name.startswith("nodes.backbone.") for name in layers_with_bn(net))
    for key, value in outputs(net, x).items():
        torch.testing.assert_close(value, with_eps[key], rtol=1e-9, atol=1e-9)
    assert any(not torch.allclose(before[key], with_eps[key], rtol=1e-6) for key in before)


def test_what_does_not_match_is_untouched(net: MultiTaskNet) -> None:
    rest = {k: v.clone() for k, v in net.state_dict().items() if not k.startswith("nodes.seg_head.")}
    fold_bn(net, ["nodes.seg_head.*"])
    after = net.state_dict()
    assert all(torch.equal(after[k], v) for k, v in rest.items())


def test_folds_replay_in_order(net: MultiTaskNet) -> None:
    first, rest = fold_bn(net, ["nodes.backbone.*", "nodes.neck.*"]), fold_bn(net, ["nodes.*"])
    assert not set(first) & set(rest)
    assert layers_with_bn(net) == []
    assert fold_bn(net, ["nodes.*"]) == []


def test_pattern_without_a_layer_is_an_error(net: MultiTaskNet) -> None:
    with pytest.raises(UserError, match=r"'nodes.backbon.\*' matches no layer; did you mean 'nodes.backbone.\*'"):
        fold_bn(net, ["nodes.backbon.*"])
