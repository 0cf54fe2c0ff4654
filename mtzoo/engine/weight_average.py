"""The moving average of a network's weights while it is trained: steadier than the weights of any single iteration."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mtzoo.config.averaging import Ema
from mtzoo.plain_data import convert

BN_STATISTICS = ("running_mean", "running_var")


def averaged_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Name -> tensor, of what is averaged: weights and BN statistics, which go with them. What else the network holds, scales and
    counters, follows the training."""
    tensors = dict(net.named_parameters())
    for name, module in net.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            tensors |= {f"{name}.{key}": getattr(module, key) for key in BN_STATISTICS}
    return {name: tensor.detach() for name, tensor in tensors.items()}


class WeightAverage:
    """Follows the weights of `net`; it begins with those that are there.

    sparse: weights in which zeros stay (see `Sparsifier`): what is zero there is so in the average, too, whatever it was before.
    """

    def __init__(self, net: nn.Module, spec: Ema, sparse: Iterable[Tensor] = ()) -> None:
        self.spec, self.updates = spec, 0
        kept = {id(weight) for weight in sparse}
        self.sparse = [name for name, weight in net.named_parameters() if id(weight) in kept]
        self.live = averaged_tensors(net)
        self.mean = {name: tensor.clone() for name, tensor in self.live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """After an update of the weights."""
        self.updates += 1
        average = get_ema_multi_avg_fn(self.spec.decay_at(self.updates))
        average(list(self.mean.values()), list(self.live.values()), self.updates)

    @contextmanager
    def in_network(self) -> Iterator[None]:
        """The network has the averaged weights inside the block, where `state` may be called, and the trained weights after it."""
        self.trained = {name: tensor.clone() for name, tensor in self.live.items()}
        try:
            self.settle()
            yield
        finally:
            self._fill(self.trained)
            del self.trained

    @torch.no_grad()
    def settle(self) -> None:
        """Give the network the averaged weights, for good."""
        for name in self.sparse:
            self.mean[name].mul_(self.live[name] != 0)
        self._fill(self.mean)

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, tensor in self.live.items():
            tensor.copy_(values[name])

    def state(self) -> dict[str, Any]:
        """What a resumed run needs beside the averaged weights, which the network holds: the trained ones."""
        return {"updates": self.updates, "trained": {name: tensor.cpu() for name, tensor in self.trained.items()}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; the network has the averaged weights, and then the trained ones. Raises ValueError for what is no such
        state."""
        self.updates = convert(int, state["updates"], "updates")
        for name, tensor in self.live.items():
            if state["trained"][name].shape != tensor.shape or state["trained"][name].dtype != tensor.dtype:
                raise ValueError(f"'{name}' has not the shape and type of its parameter, {tuple(tensor.shape)}")
        self._fill(state["trained"])
