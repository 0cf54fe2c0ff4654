"""A float network -> the same network rounding, with no step of training in between."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from torch import Tensor, nn

from mtzoo.compression.bias_correction import correct_biases
from mtzoo.compression.equalize import EQUALIZE, activation_ranges, equalize
from mtzoo.compression.equalize_network import equalize_network
from mtzoo.errors import UserError, did_you_mean
from mtzoo.progress import counted
from mtzoo.quantization import QConfigMap, calibrate, prepare

FEW = 8
"""Batches of which a mean or a noise is known well enough; all their feature maps are in memory at once."""


@dataclass(frozen=True)
class Corrections:
    """What is done besides rounding. equalize: how channels are balanced before, see `equalize`, and for "network" `equalize_network`;
    biases: whether the shift of the means is taken back afterwards, see `correct_biases`. Neither is on by default: with 8-bit weights
    no gain was measured on networks that were trained here."""

    equalize: str = "none"
    biases: bool = False

    def __post_init__(self) -> None:
        if self.equalize not in EQUALIZE:
            raise UserError(f"equalize='{self.equalize}': no such way{did_you_mean(self.equalize, EQUALIZE)}")


OF_FOREIGN = Corrections("network", biases=True)
"""Of networks that were trained elsewhere, and not with rounding in mind: their channels may have any range."""
OBSERVER_OF_FOREIGN = "mse"
"""With a few outliers in a map, as where a PReLU ends it, what clips them is finer for all others."""


def quantize(folded: nn.Module, qconfigs: QConfigMap, batches: Sequence[Tensor], corrections: Corrections,
             on_progress: Callable[[int, int], None] | None = None) -> nn.Module:
    """A copy of `folded` (float, no BN) that rounds: prepared, calibrated on `batches`, corrected; in eval mode.

    batches: (N, 3, H, W) normalised images; on_progress(done, total) counts those that were calibrated on. Freeze and convert it next,
    or export it as it stands if parts are left in float.
    """
    reference = equalized(folded, batches, corrections.equalize)
    net = deepcopy(reference)
    prepare(net, qconfigs)
    calibrate(net, batches if on_progress is None else counted(batches, on_progress))
    if corrections.biases:
        correct_biases(net, reference, few(batches))
    return net.eval()


def few(batches: Sequence[Tensor]) -> list[Tensor]:
    """At most FEW of the batches, evenly spread."""
    count = min(FEW, len(batches))
    return [batches[i * len(batches) // count] for i in range(count)]


def equalized(folded: nn.Module, batches: Sequence[Tensor], how: str) -> nn.Module:
    """A copy of the float network with the same outputs, its channels balanced."""
    net = deepcopy(folded).eval()
    if how == "network":
        equalize_network(net, batches)
    elif how != "none":
        equalize(net, activation_ranges(net, batches) if how == "activations" else None)
    return net
