"""A float network becomes one that rounds, without a step of training."""

from collections.abc import Callable, Sequence
from copy import deepcopy

from torch import Tensor, nn

from mtzoo.compression.bias_correction import correct_biases
from mtzoo.compression.equalize import activation_ranges, equalize
from mtzoo.compression.equalize_network import equalize_network
from mtzoo.progress import counted
from mtzoo.quantization import QConfigMap, calibrate, prepare
from mtzoo.settings.post_training import Corrections

FEW = 8
"""Batches of which a mean or a noise is known well enough; all their feature maps are in memory at once."""


def quantize(folded: nn.Module, qconfigs: QConfigMap, batches: Sequence[Tensor], corrections: Corrections,
             on_progress: Callable[[int, int], None] | None = None) -> nn.Module:
    """Copy a float network, calibrate the copy and correct it. Call `freeze` and `convert` next.

    Args:
        folded: A float network; without BN, if anything is corrected.
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
