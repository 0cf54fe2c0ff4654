"""Training with quantization on images without labels: the float network is the teacher of its own integers (arXiv 1503.02531).

Each tensor learns at a rate in proportion to its root mean square (the relative steps of Adafactor, arXiv 1804.04235). Equalization
gives channels any factors; with absolute steps those would decide which layers learn and which break.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.losses.distillation import pixel_divergence
from mtzoo.ops.precision import exact_float32
from mtzoo.structures import RawOutputs, flatten_outputs

LEARNING_RATE = 1e-4
WARM_UP = 0.1
"""Share of the iterations in which the rate rises from 0: Adam's first steps are full ones, whatever the gradient."""


@exact_float32()
def distil(net: nn.Module, teacher: nn.Module, batches: Sequence[Tensor], iterations: int, learning_rate: float = LEARNING_RATE,
           on_iteration: Callable[[int, float], None] | None = None, *, soft_labels: bool = False) -> None:
    """Train a calibrated fake-quant network, in place, until it says what `teacher` says. Ranges stay as they were observed.

    batches: what both read, taken in turn; learning_rate: the largest step of Adam as a share of a tensor's root mean square; it rises
    at the start and falls to 0 along a cosine. on_iteration: told how many are done, and the loss. soft_labels: see `difference`.
    Raises UserError for a learning rate that is none, for soft labels of a network without classes, and where training diverges.
    """
    check_learning_rate(learning_rate)
    sizes = {parameter: root_mean_square(parameter) for parameter in net.parameters() if parameter.requires_grad}
    optimizer = torch.optim.Adam([{"params": [parameter], "size": size} for parameter, size in sizes.items()], learning_rate)
    net.train()
    for done in range(iterations):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * group["size"] * share_of_rate(done, iterations)
        images = batches[done % len(batches)]
        with torch.no_grad():
            wanted = teacher(images)
        loss = difference(net(images), wanted, soft_labels=soft_labels)
        if not math.isfinite(float(loss.detach())):
            raise UserError(f"distillation diverged at iteration {done}; use a smaller learning rate than {learning_rate:g}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_iteration is not None:
            on_iteration(done + 1, float(loss.detach()))
    net.eval()


def root_mean_square(parameter: Tensor) -> float:
    return float(parameter.detach().square().mean().sqrt())


def share_of_rate(done: int, iterations: int) -> float:
    """Of the largest learning rate, after `done` iterations."""
    rising = min(1.0, (done + 1) / (WARM_UP * iterations + 1))
    return rising * (1 + math.cos(math.pi * done / iterations)) / 2


def check_learning_rate(value: float) -> float:
    """The rate. Raises UserError for one that is none."""
    if not 0 < value < math.inf:
        raise UserError(f"learning rate {value:g}: expected a number above 0")
    return value


def difference(found: RawOutputs, wanted: RawOutputs, *, soft_labels: bool = False) -> Tensor:
    """Mean squared error of each output in units of its own mean square, summed: 0 for equal ones, 1 for zeros.

    soft_labels: outputs of several channels are the logits of classes; add the divergence of what they say of each place (arXiv
    1503.02531). Raises UserError if no output has several channels.
    """
    given, truth = flatten_outputs(found), flatten_outputs(wanted)
    errors = [(value - truth[name]).square().mean() / truth[name].square().mean().clamp_min(1e-12) for name, value in given.items()]
    if soft_labels:
        errors += _divergences(given, truth)
    return torch.stack(errors).sum()


def _divergences(given: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> list[Tensor]:
    logits = {name: value for name, value in given.items() if value.dim() > 1 and value.shape[1] > 1}
    if not logits:
        raise UserError("soft labels need an output of several channels, the logits of classes; this network has none")
    return [pixel_divergence(value, truth[name], temperature=1.0) for name, value in logits.items()]
