"""Training with quantization on images without labels: the float network is the teacher of its own integers (arXiv 1503.02531)."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.structures import RawOutputs, flatten_outputs

LEARNING_RATE = 1e-4


def distil(net: nn.Module, teacher: nn.Module, batches: Sequence[Tensor], iterations: int, learning_rate: float = LEARNING_RATE,
           on_iteration: Callable[[int, float], None] | None = None) -> None:
    """Train a calibrated fake-quant network, in place, until it says what `teacher` says. Ranges stay as they were observed.

    batches: what both read, taken in turn; learning_rate: of Adam, at the start, it falls to 0 along a cosine. on_iteration: told how
    many are done, and the loss. Raises UserError for a learning rate that is none, and where training diverges.
    """
    check_learning_rate(learning_rate)
    weights = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, learning_rate)
    net.train()
    for done in range(iterations):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 + math.cos(math.pi * done / iterations)) / 2
        images = batches[done % len(batches)]
        with torch.no_grad():
            wanted = teacher(images)
        loss = difference(net(images), wanted)
        if not math.isfinite(float(loss.detach())):
            raise UserError(f"distillation diverged at iteration {done}; use a smaller learning rate than {learning_rate:g}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_iteration is not None:
            on_iteration(done + 1, float(loss.detach()))
    net.eval()


def check_learning_rate(value: float) -> float:
    """The rate. Raises UserError for one that is none."""
    if not 0 < value < math.inf:
        raise UserError(f"learning rate {value:g}: a number above 0 is wanted")
    return value


def difference(found: RawOutputs, wanted: RawOutputs) -> Tensor:
    """Mean squared error of each output in units of its own mean square, summed: 0 for equal ones, 1 for zeros."""
    truth = flatten_outputs(wanted)
    errors = [(value - truth[name]).square().mean() / truth[name].square().mean().clamp_min(1e-12)
              for name, value in flatten_outputs(found).items()]
    return torch.stack(errors).sum()
