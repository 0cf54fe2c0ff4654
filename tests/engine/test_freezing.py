import torch
from torch import nn

from mtzoo.engine.freezing import frozen


def test_a_frozen_node_keeps_its_weights_and_statistics_and_is_itself_again():
    still, moving = (nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)) for _ in range(2))
    still[0].weight.requires_grad_(False)  # of its own accord: that is not undone
    net = nn.Sequential(still, moving).train()
    with frozen([still]):
        net(torch.randn(4, 2, 3, 3) + 1).square().sum().backward()
        assert [m.training for m in (net, still, still[1], moving, moving[1])] == [True, False, False, True, True]
        assert all(p.grad is None for p in still.parameters())
        assert all(p.grad is not None for p in moving.parameters())
    assert float(still[1].running_mean.abs().sum()) == 0.0
    assert int(still[1].num_batches_tracked) == 0
    assert int(moving[1].num_batches_tracked) == 1
    assert all(m.training for m in net.modules())
    assert [p.requires_grad for p in still.parameters()] == [False, True, True]


def test_it_ends_with_an_error_too():
    node = nn.BatchNorm2d(2)
    try:
        with frozen([node]):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert node.training
        assert all(p.requires_grad for p in node.parameters())
