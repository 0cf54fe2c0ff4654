import pytest
import torch

from mtzoo.compression import Corrections, quantize
from mtzoo.compression.post_training import few
from mtzoo.quantization import QConfig, QConfigMap, convert, freeze, is_prepared
from tests.quantization.helpers import differing, images, outputs


@pytest.mark.parametrize("observer", ["abs_max", "moving_average_abs_max", "percentile", "mse"])
@pytest.mark.parametrize("how", ["none", "activations", "network"])
def test_every_observer_ends_in_an_exact_network_and_the_float_one_is_untouched(folded, batches, observer, how):
    before = {k: v.clone() for k, v in folded.state_dict().items()}
    net = quantize(folded, QConfigMap(QConfig(observer=observer)), batches, Corrections(equalize=how, biases=True))
    freeze(net)
    x = images(1, seed=7)
    assert differing(outputs(net, (x.float() - 128) / 128), outputs(convert(net), x)) == 0
    assert not is_prepared(folded)
    assert all(torch.equal(before[k], v) for k, v in folded.state_dict().items())


def test_few_are_spread_over_all():
    batches = [torch.tensor(i) for i in range(100)]
    assert [int(b) for b in few(batches)] == [0, 12, 25, 37, 50, 62, 75, 87]
    assert few(batches[:3]) == batches[:3]
