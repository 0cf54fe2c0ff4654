"""BN over the images of all processes: batches that are small in each would give poor statistics."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtzoo.engine.distributed import world_size


@contextmanager
def synchronized_bn(modules: Iterable[nn.Module], device: torch.device) -> Iterator[None]:
    """Every BatchNorm2d of the modules takes its statistics over all processes inside the block, and is as before after it.

    Layers without affine parameters or momentum, which are rare, stay what they are. Parameters and buffers are the same objects all
    the time, so that optimizers and state dicts notice nothing. On GPUs it is PyTorch's SyncBatchNorm; on CPUs, which that one
    refuses, `AllReducedBatchNorm`. One process alone is left as it is.
    """
    places = [(parent, name, child) for module in modules for parent in module.modules() for name, child in parent.named_children()
              if type(child) is nn.BatchNorm2d and child.affine and child.momentum is not None] if world_size() > 1 else []
    try:
        for parent, name, bn in places:
            setattr(parent, name, nn.SyncBatchNorm.convert_sync_batchnorm(bn) if device.type == "cuda" else AllReducedBatchNorm.of(bn))
        yield
    finally:
        for parent, name, bn in places:
            bn.train(getattr(parent, name).training)
            setattr(parent, name, bn)


class AllReducedBatchNorm(nn.BatchNorm2d):
    """BatchNorm2d whose mean and variance in training are those of all processes' inputs together."""

    @classmethod
    def of(cls, bn: nn.BatchNorm2d) -> "AllReducedBatchNorm":
        """A layer with the parameters, buffers and mode of `bn`."""
        made = cls(bn.num_features, bn.eps, bn.momentum, device="meta")
        made._parameters, made._buffers = bn._parameters, bn._buffers
        return made.train(bn.training)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> (N, C, H, W)."""
        if not self.training:
            return super().forward(x)
        variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
        own = x.new_full((1,), x.numel() // x.shape[1], dtype=torch.float64)
        moments = torch.cat([mean.double() * own, (variance.double() + mean.double().square()) * own, own])
        mean, square, count = AllReduce.apply(moments).tensor_split([self.num_features, 2 * self.num_features])
        mean = mean / count
        variance = square / count - mean.square()
        self._follow(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps).float()
        shift = self.bias - mean.float() * scale
        return (x.float() * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch, (C,) each."""
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.float(), self.momentum)
        self.running_var.lerp_(variance.float(), self.momentum)


class AllReduce(torch.autograd.Function):
    """The sum over all processes, of gradients too."""

    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        summed = value.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed
