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
    """What is done besides rounding. Neither is on by default, because 8-bit weights lose nothing measurable on networks trained here.

    Attributes:
        equalize: `"none"`, `"weights"`, `"activations"` (cross-layer equalization, arXiv 1906.04721), or `"network"` (a factor for each
            channel of every map).
        biases: Whether the mean of each channel is corrected in its bias after rounding (arXiv 1906.04721).
    """

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
    """Copy a float network, calibrate the copy and correct it. Call `freeze` and `convert` next.

    Args:
        folded: A float network without BN.
        qconfigs: The quantization of each node.
        batches: Normalised images (N, 3, H, W).
        corrections: What is done besides rounding.
        on_progress: Called with (batches done, total).

    Returns:
        The copy as a fake-quant network in eval mode.
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
