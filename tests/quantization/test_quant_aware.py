import pytest
import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfig, QConfigMap, convert, layers_with_bn, quant_aware
from tests.quantization.helpers import differing, images, outputs


@pytest.mark.parametrize("calibrated", [False, True])
def test_two_calls_and_a_loop_make_an_equal_integer_network(net: MultiTaskNet, x: Tensor, calibrated: bool) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learner = quant_aware(net, QConfigMap(QConfig(weight_bits=7)), [x] if calibrated else [])
    optimizer = torch.optim.SGD(learner.parameters(), 1e-4)
    learner.train()
    for _ in range(2):
        optimizer.zero_grad()
        sum(v.square().mean() for maps in learner(x).values() for v in maps.values()).backward()
        optimizer.step()
    new = images(1, seed=1)
    assert differing(outputs(convert(learner), new), outputs(learner, (new.float() - 128) / 128)) == 0
    assert not layers_with_bn(learner)
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_network_with_quantizers_is_refused(net: MultiTaskNet) -> None:
    with pytest.raises(UserError, match="prepare it once"):
        quant_aware(quant_aware(net))
