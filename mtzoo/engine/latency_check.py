"""Does a profile rank networks as the machine does? Predicted against measured latency of variants of a config's network."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from mtzoo.compression.hardware_profile import HardwareProfile
from mtzoo.compression.latency import predict_latency
from mtzoo.engine.device import exact_float32
from mtzoo.export.deploy import ExportSpec, build_model, describe
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfigMap, calibrate, freeze, prepare
from mtzoo.runtime.bench import compare_latency


@dataclass(frozen=True)
class Ranked:
    """A variant's latency, milliseconds."""

    name: str
    predicted_ms: float
    measured_ms: float


def rank_variants(nets: Mapping[str, tuple[MultiTaskNet, ExportSpec]], profile: HardwareProfile, threads: int,
                  runs: int) -> list[Ranked]:
    """Every network, float and without BN, in every precision of the profile, the fastest measured one first."""
    models, precisions, predicted = {}, {}, {}
    infos = []
    for name, (net, spec) in nets.items():
        for precision in profile.precisions:
            variant = f"{name} {precision}"
            models[variant] = latency_model(net, spec, precision)
            infos.append(describe(models[variant], net, spec))
            precisions[variant] = "bf16" if precision == "bf16" else "f32"
            predicted[variant] = predict_latency(net, spec.geometry.input_hw, profile, precision)
    measured = compare_latency(models, infos[0], threads, runs, precisions)
    return sorted((Ranked(name, predicted[name], ms) for name, ms in measured.items()), key=lambda r: r.measured_ms)


def latency_model(folded: MultiTaskNet, spec: ExportSpec, precision: str) -> onnx.ModelProto:
    """The network as it would be deployed in a precision, good for measuring its time: integers are calibrated on noise."""
    net = folded
    if precision == "int8":
        net = quantized_on_noise(folded, spec.geometry.input_hw)
    return build_model(net, spec.tasks, spec.geometry, spec.input_format, quantized=precision == "int8", postprocess=True)


def quantized_on_noise(folded: MultiTaskNet, input_hw: tuple[int, int]) -> MultiTaskNet:
    """A frozen integer network with the weights of `folded` and meaningless ranges."""
    net = deepcopy(folded)
    prepare(net, QConfigMap())
    with exact_float32():
        calibrate(net, [torch.rand(1, 3, *input_hw, generator=torch.Generator().manual_seed(0)) * 2 - 1])
    freeze(net)
    return net.eval()


def spearman(ranked: Sequence[Ranked]) -> float:
    """Rank correlation of prediction and measurement, -1..1."""
    ranks = [np.argsort(np.argsort([getattr(r, key) for r in ranked])) for key in ("predicted_ms", "measured_ms")]
    return float(np.corrcoef(*ranks)[0, 1])
