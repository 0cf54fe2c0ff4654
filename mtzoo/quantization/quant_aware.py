"""Quantization-aware training from Python in two calls: `quant_aware`, any training loop, `convert`."""

from collections.abc import Iterable
from copy import deepcopy

from torch import Tensor, nn

from mtzoo.quantization.fold import fold_bn
from mtzoo.quantization.prepare import calibrate, prepare, set_fake_quant, set_observing
from mtzoo.quantization.qconfig import QConfigMap

DEFAULT = QConfigMap()


def quant_aware(net: nn.Module, qconfigs: QConfigMap = DEFAULT, batches: Iterable[Tensor] = ()) -> nn.Module:
    """A copy of a float network that trains as the integers it will be: BN folded, rounding, ranges following what it sees.

    batches: (N, 3, H, W) normalised images whose ranges are observed first, in float; without any, the first batch in training
    mode gives them, and the copy is of no use before. `net` stays as it is: build the optimizer for the copy.
    `convert(copy)` is the integer network. Raises UserError for a network that has quantizers, and as `prepare`.
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
