"""Quantization-aware training from Python in two calls: `quant_aware`, any training loop, `convert`."""

from collections.abc import Iterable
from copy import deepcopy

from torch import Tensor, nn

from mtzoo.quantization.fold import fold_bn
from mtzoo.quantization.prepare import calibrate, prepare, set_fake_quant, set_observing
from mtzoo.quantization.qconfig import QConfigMap

DEFAULT = QConfigMap()


def quant_aware(net: nn.Module, qconfigs: QConfigMap = DEFAULT, batches: Iterable[Tensor] = ()) -> nn.Module:
    """Copy a float network for quantization-aware training: BN folded, fake-quant on, ranges following the feature maps.

    `net` itself is not changed. Build the optimizer for the copy. `convert(copy)` is the integer network.

    Args:
        net: A float network.
        qconfigs: The quantization of each node.
        batches: Normalised images (N, 3, H, W) for calibration. Without them, the first training batch gives the ranges, and the copy
            cannot be used before.

    Raises:
        UserError: The network has quantizers already, or a node or pattern in `qconfigs` does not exist.
    """
    copy = deepcopy(net)
    fold_bn(copy, ["*"])
    prepare(copy, qconfigs)
    batches = list(batches)
    if batches:
        calibrate(copy, batches)
    set_fake_quant(copy, True)
    set_observing(copy, True)
    return copy
