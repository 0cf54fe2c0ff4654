"""Networks with statistics as a training leaves them, and how far a lowered one is from its original."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mtzoo.lowering import lower

SIZES = ((64, 64), (96, 160))


def trained(module: nn.Module, seed: int = 0) -> nn.Module:
    """`module` in evaluation mode with random BN statistics, scales and shifts."""
    generator = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.running_mean.normal_(0, 0.2, generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
            if norm.weight is not None:
                norm.weight.data.uniform_(0.5, 1.5, generator=generator)
                norm.bias.data.normal_(0, 0.2, generator=generator)
    return module.eval()


def lowered_parity(module: nn.Module, sizes: Any = SIZES, **options: Any) -> nn.Module:
    """The lowered network, after asserting that it gives what `module` gives, to 1e-5 of the largest value, at each size."""
    lowered = lower(module, **options)
    for size in sizes:
        x = torch.randn(2, 3, *size)
        assert_close(lowered, module, x)
    return lowered


@torch.no_grad()
def assert_close(lowered: nn.Module, module: nn.Module, x: Any) -> None:
    """x: a map or a list of maps; what both return is the same structure, a (N, C) vector being a (N, C, 1, 1) map."""
    wanted, got = (pytree.tree_leaves(net(_copies(x))) for net in (module, lowered))
    assert len(wanted) == len(got)
    for a, b in zip(wanted, got):
        assert a.std() > 0, "the network's own result is constant: nothing is compared"
        assert a.shape == b.shape[:a.dim()]
        assert (a.reshape(b.shape) - b).abs().max() <= 1e-5 * a.abs().max()


def _copies(x: Any) -> Any:
    """Some forwards overwrite what they read."""
    return pytree.tree_map_only(Tensor, Tensor.clone, x)
