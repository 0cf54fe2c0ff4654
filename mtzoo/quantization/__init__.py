"""Quantization: prepare -> calibrate or train -> fold_bn -> freeze -> convert. See docs/quantization.md.

    prepare(net, QConfigMap())             quantizers on every layer
    calibrate(net, batches)                or set_observing, set_fake_quant and a training loop
    fold_bn(net, ["nodes.*"])
    freeze(net)                            weights and biases on their grids
    integer_net = convert(net)             integers only; equal to `net`, value by value

or, for training in one stage, all but the loop in two calls: `quant_aware(net, qconfigs)`, `convert(net)`.
"""

from mtzoo.quantization.convert import build_integer_net, convert
from mtzoo.quantization.fold import fold_bn, layers_with_bn
from mtzoo.quantization.integer import IntegerNet
from mtzoo.quantization.prepare import calibrate, is_prepared, prepare, set_fake_quant, set_observing
from mtzoo.quantization.qconfig import QConfig, QConfigMap
from mtzoo.quantization.quant_aware import quant_aware
from mtzoo.quantization.state import freeze, inexact_layers, integer_state, load_integer_state
from mtzoo.quantization.sums import WideLayer, expected_parts, wide_layers

__all__ = ["IntegerNet", "QConfig", "QConfigMap", "WideLayer", "build_integer_net", "calibrate", "convert", "expected_parts", "fold_bn",
           "freeze", "inexact_layers", "integer_state", "is_prepared", "layers_with_bn", "load_integer_state", "prepare", "quant_aware",
           "set_fake_quant", "set_observing", "wide_layers"]
