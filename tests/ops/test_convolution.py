import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.ops.convolution import conv2d


def gradients(conv: nn.Conv2d, bf16: bool) -> tuple[torch.Tensor, ...]:
    x = torch.rand(2, 8, 12, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = conv2d(x, conv.weight, conv.bias, conv)
    return y, *torch.autograd.grad(y.float().square().sum(), [x, conv.weight, conv.bias])


@pytest.mark.parametrize("conv", [nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.Conv2d(8, 16, 5, (1, 2), 2, groups=8),
                                  nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 3, 2, 1, groups=2), nn.Conv2d(8, 4, 3, 2, 1)])
def test_bf16_autocast_gives_bf16_and_the_gradients_of_fp32_to_its_precision(conv):
    wanted, found = gradients(conv, False), gradients(conv, True)
    assert found[0].dtype == torch.bfloat16
    for value, truth in zip(found, wanted):
        assert float((value.float() - truth).norm() / truth.norm()) < 0.01


def test_strided_depthwise_convolutions_leave_bf16_only_where_a_gradient_is_asked_for(monkeypatch):
    types, plain = [], F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda x, *rest: types.append((x.dtype, torch.is_autocast_enabled("cpu"))) or plain(x, *rest))
    strided, x = nn.Conv2d(4, 4, 3, 2, 1, groups=4), torch.rand(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        conv2d(x.bfloat16(), strided.weight, strided.bias, strided)
        with torch.no_grad():
            conv2d(x.bfloat16(), strided.weight, strided.bias, strided)
    conv2d(x, strided.weight, strided.bias, strided)
    assert types == [(torch.float32, False), (torch.bfloat16, True), (torch.float32, False)]
