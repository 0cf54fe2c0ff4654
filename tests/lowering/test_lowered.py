import copy

import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.lowering import lower
from tests.lowering.parity import trained
from tests.lowering.test_lower import Net


def test_a_dropped_block_passes_its_input_on():
    module = trained(Net())
    net = lower(module, features=["layer1"])
    twin = copy.deepcopy(net)
    twin.drop_block("layer1.0")
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(twin(x)[0], module.layer1[1](module.stem(x)))
        torch.testing.assert_close(net(x)[0], module.layer1(module.stem(x)))
    assert not any(name.startswith("layer1.0.") for name in {**twin.state_dict(), **twin.published})


def test_the_last_block_may_go_too():
    module = trained(Net())
    net = lower(module, features=["stem", "layer1"])
    net.drop_block("layer1.1")
    net.drop_block("layer1.0")
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        stem, layer1 = net(x)
        assert torch.equal(stem, layer1)
        torch.testing.assert_close(layer1, module.stem(x))


def test_what_is_no_block_stays():
    net = lower(Net())
    with pytest.raises(UserError, match="block 'layer2': 0 inputs and 0 results"):
        net.drop_block("layer2")


def test_maps_are_freed_when_nobody_reads_them_any_more():
    net = lower(trained(Net()), features=["layer1"])
    alive = []
    last = net.get_submodule("layer1.1.conv2")
    first = net.get_submodule("stem.0")
    import weakref
    first.register_forward_hook(lambda module, args, out: alive.append(weakref.ref(out)))
    last.register_forward_pre_hook(lambda module, args: alive.append(alive[0]()))
    with torch.no_grad():
        net(torch.randn(1, 3, 32, 32))
    assert alive[1] is None
