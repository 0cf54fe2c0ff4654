"""Values of one formula, gradients of another: how a leaf trains through arithmetic that rounds inside."""

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: Tensor, smooth: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[None, Tensor]:
        return None, grad


def straight_through(value: Tensor, smooth: Tensor) -> Tensor:
    """`value`, in memory of its own, with the gradient of `smooth` (straight-through estimator, arXiv 1308.3432)."""
    return _StraightThrough.apply(value.detach(), smooth)
