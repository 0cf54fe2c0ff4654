"""TwinLiteNet and ESPNetv2: the published sizes, and the same numbers as leaves."""

import torch

from mtzoo.lowering import lower
from mtzoo.models.espnetv2 import ESPNetv2
from mtzoo.models.twinlitenet import TwinLiteNet
from tests.lowering.parity import assert_close, trained


def parameters(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_espnetv2_has_the_published_size_and_is_lowered_to_the_same_numbers():
    assert round(parameters(ESPNetv2(2.0)) / 1e6, 2) == 0.79
    net = trained(ESPNetv2(0.5, classes=5))
    lowered = lower(net, (128, 192)).eval()
    assert_close(lowered, net, torch.randn(1, 3, 128, 192))


def test_twinlitenet_has_the_published_size_and_its_attention_can_be_fixed():
    net = trained(TwinLiteNet())
    assert round(parameters(net) / 1e6, 2) == 0.44
    images = [torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    with torch.no_grad():
        net.encoder.sc.gamma.fill_(0.6)
        before = net(images[0])
        net.fix_attention(images[:1])
        assert torch.allclose(net(images[0])["lane"], before["lane"], atol=1e-4)  # the mean over one image is its own
        net.fix_attention(images)
    assert net.encoder.sc.mixing.shape == (32, 32, 1, 1)
    assert_close(lower(net, (32, 48)).eval(), net, images[1])
