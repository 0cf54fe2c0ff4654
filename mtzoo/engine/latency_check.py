"""Does a profile rank networks as the machine does? Predicted against measured latency of variants of a config's network."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from mtzoo.compression.hardware_profile import HardwareProfile
from mtzoo.compression.latency import predict_latency
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import override, select_tasks
from mtzoo.deploy.export import ExportSpec, build_model, describe
from mtzoo.engine.ptq import fold_all
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.ops.precision import exact_float32
from mtzoo.quantization import QConfigMap, calibrate, freeze, prepare
from mtzoo.runtime.bench import compare_latency
from mtzoo.task_kind import KINDS


@dataclass(frozen=True)
class Ranked:
    """A variant's latency, milliseconds."""

    name: str
    predicted_ms: float
    measured_ms: float


WIDTHS = {"width 0.25": 0.25, "width 1": 1.0}
"""Values of a node's parameter `width`, by the name of the variant."""
Variants = dict[str, tuple[MultiTaskNet, ExperimentConfig]]


def variant_networks(config: ExperimentConfig, on_skip: Callable[[str], None]) -> Variants:
    """Name -> (network with random weights, float, without BN; its config). on_skip: told in a line what cannot be varied, and why.

    Width is that of the first node that has a parameter `width`, the others keep theirs.
    """
    tasks = [t.name for t in config.tasks]
    choices = {kind: [t.name for t in config.tasks if t.kind == kind] for kind in KINDS} | {"one task": tasks[:1]}
    kept = {"the whole": tasks}
    for name, chosen in choices.items():
        if chosen and chosen not in kept.values():
            kept[name] = chosen
    nets = {name: _variant(config, chosen, {}) for name, chosen in kept.items()}
    node = next((n.name for n in config.tasks[0].nodes if "width" in n.params), None)
    if node is None:
        on_skip(f"{config.name}: no node has a parameter 'width', so that widths are not varied")
        return nets
    for name, width in WIDTHS.items():
        try:
            nets[name] = _variant(config, tasks, {f"nodes.{node}.width": width})
        except UserError as error:  # another network's width may be no factor
            on_skip(f"{name} is left out: {error}")
    return nets


def _variant(config: ExperimentConfig, tasks: Sequence[str], options: Mapping[str, object]) -> tuple[MultiTaskNet, ExperimentConfig]:
    own = config_from_dict(override(select_tasks(dict(config.resolved), tasks), options))
    return fold_all(network_at(own, 0, quantized=False), own), own


def rank_variants(nets: Mapping[str, tuple[MultiTaskNet, ExportSpec]], profile: HardwareProfile, threads: int, runs: int,
                  on_done: Callable[[int, int], None]) -> list[Ranked]:
    """Every network, float and without BN, in every precision of the profile, the fastest measured one first."""
    ranked = []
    for i, (name, (net, spec)) in enumerate(nets.items()):
        models = {precision: latency_model(net, spec, precision) for precision in profile.precisions}
        info = describe(models[profile.precisions[0]], net, spec)
        hints = {precision: "bf16" for precision in models if precision == "bf16"}
        measured = compare_latency(models, info, threads, runs, hints)
        ranked += [Ranked(f"{name}, {precision}", predict_latency(net, spec.geometry.input_hw, profile, precision), ms)
                   for precision, ms in measured.items()]
        on_done(i + 1, len(nets))
    return sorted(ranked, key=lambda r: r.measured_ms)


def latency_model(folded: MultiTaskNet, spec: ExportSpec, precision: str) -> onnx.ModelProto:
    """The network as it would be deployed in a precision, good for measuring its time: integers are calibrated on noise."""
    net = folded
    if precision == "int8":
        net = quantized_on_noise(folded, spec.geometry.input_hw)
    return build_model(net, spec.tasks, spec.geometry, spec.input_format, quantized=precision == "int8", postprocess=True,
                       layout=spec.input_layout)


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
