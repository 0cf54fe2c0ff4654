import torch
from torch import nn

from mtzoo.engine.freezing import frozen, frozen_statistics


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


def test_bn_learns_its_factors_by_the_statistics_that_it_has():
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2).eval())).train()
    net[2].eval()
    images = torch.randn(4, 2, 3, 3) + 5
    with frozen_statistics(net):
        assert net.training
        result = net(images)
        torch.testing.assert_close(result, net[0](images), rtol=1e-4, atol=1e-4)  # statistics of 0 and 1
        result.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert int(net[1].num_batches_tracked) == 0
    assert [net[1].training, net[2][0].training] == [True, False]
