"""What one network of the zoo costs and whether all executors agree on it, with random weights: one row of the zoo's table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mtzoo.compression import removed_channels
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.engine.calibration import Batches
from mtzoo.engine.pruning import plan_pruning, pruned_config, without
from mtzoo.engine.random_weights import noise_images, settle_bn
from mtzoo.engine.requantize import with_weight_bits
from mtzoo.engine.stages import config_network, quantization_of
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import expected_parts
from mtzoo.recipes.prune_results import LatencyMeter
from mtzoo.recipes.workspace import integer_file, network_costs
from mtzoo.runtime.bench import bench, bench_against
from mtzoo.runtime.verify import verify
from mtzoo.settings.pruning import Pruning

IMPORTANCE = "l2"
"""How channels are ranked: random weights have learnt nothing that a loss could measure."""


@dataclass(frozen=True)
class PrunedRow:
    """What pruning by a share of the measured int8 latency leaves. latency_ms, base_ms: variant -> of the pruned and of the whole
    network, in the same rounds."""

    parameters: int
    macs: int
    latency_ms: Mapping[str, float]
    base_ms: Mapping[str, float]

    def saved(self, variant: str) -> float:
        """Share of the variant's latency that is gone."""
        return 1 - self.latency_ms[variant] / self.base_ms[variant]


@dataclass(frozen=True)
class ZooRow:
    """hw: of the input, pixels; parts: layers that are computed in parts; values: compared in each executor; differing: executor ->
    how many of them differ from fake-quant's; latency_ms: variant -> median; pruned: ratio, e.g. "0.3" -> what is left, None
    where so much cannot go; weight_bits: of the integers.
    """

    config: str
    hw: tuple[int, int]
    parameters: int
    macs: int
    parts: int = 0
    values: int = 0
    differing: Mapping[str, int] = field(default_factory=dict)
    machine: str = ""
    threads: int = 0
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    pruned: Mapping[str, PrunedRow | None] = field(default_factory=dict)
    weight_bits: int = 8

    def beside(self, older: "ZooRow") -> "ZooRow":
        """This row, completed by what an earlier run measured of the same network and this one did not."""
        row = self if self.values else replace(self, values=older.values, differing=older.differing)
        if not row.latency_ms:
            return replace(row, machine=older.machine, threads=older.threads, latency_ms=older.latency_ms, pruned=older.pruned)
        same = (row.machine, row.threads) == (older.machine, older.threads)
        return replace(row, pruned={**older.pruned, **row.pruned}) if same else row


@dataclass(frozen=True)
class Measuring:
    """What is asked for. runs: rounds of the latency measurement, 0 measures none; check: whether executors are compared; ratios: of
    the int8 latency that pruning takes away. Raises UserError for ratios that cannot be, or without a measurement."""

    threads: int
    runs: int
    check: bool
    ratios: Sequence[float] = ()

    def __post_init__(self) -> None:
        if self.ratios and not self.runs:
            raise UserError("--ratios: pruned networks are only measured with --bench; add it")
        for ratio in self.ratios:
            if not 0 < ratio < 1:
                raise UserError(f"--ratios {ratio:g}: the share of the latency to remove, between 0 and 1, e.g. 0.3")


def adapted(config: ExperimentConfig, hw: tuple[int, int] | None, weight_bits: int | None) -> ExperimentConfig:
    """The config for images that have exactly that size, with weights of so many bits; None leaves either as it is.

    Raises UserError if the network's stride does not divide the size.
    """
    values = config.resolved if weight_bits is None else with_weight_bits(config.resolved, weight_bits)
    if hw is not None:
        values = {key: value for key, value in values.items() if key != "int_inference_export_input_shape"}
        values["deploy_geometry"] = {"resized_hw": list(hw), "drop_top": 0, "input_hw": list(hw)}
    return config_from_dict(values)


def measure(config: ExperimentConfig, asked: Measuring, say: Callable[[str], None]) -> ZooRow:
    """The row of a network at its deploy size. say: told what is done next."""
    torch.manual_seed(0)
    hw = tuple(config.deploy_geometry.input_hw)
    net = config_network(config)
    settle_bn(net, noise_images(2, hw))
    batches = Batches(noise_images(2, hw, seed=1))
    parameters, macs = network_costs(net, config)
    parts = len(expected_parts(net, quantization_of(config)))
    row = {"config": config.name, "hw": hw, "parameters": parameters, "macs": macs, "parts": parts,
           "weight_bits": config.quantization.weight_bits}
    if not (asked.check or asked.runs):
        return ZooRow(**row)
    say("quantizing")
    with integer_file(config, net, batches) as file:
        if asked.check:
            say("comparing executors")
            image = noise_images(1, hw, seed=2)[0].permute(1, 2, 0).contiguous().numpy()
            report = verify(file.path, [image], threads=asked.threads)
            row |= {"values": report.values, "differing": dict(report.mismatches)}
        if asked.runs:
            say("measuring")
            timed = bench(file.path, asked.threads, asked.runs)
            row |= {"latency_ms": dict(timed.latency_ms), "machine": timed.machine, "threads": asked.threads}
            meter = LatencyMeter(config, net, batches, asked.threads) if asked.ratios else None
            row["pruned"] = {f"{ratio:g}": measure_pruned(config, net, batches, ratio, meter, file.path, asked, say)
                             for ratio in asked.ratios}
    return ZooRow(**row)


def measure_pruned(config: ExperimentConfig, net: MultiTaskNet, batches: Batches, ratio: float, meter: LatencyMeter, whole: Path,
                   asked: Measuring, say: Callable[[str], None]) -> PrunedRow | None:
    """The network without `ratio` of its int8 latency, measured against the whole one's file; None if so much cannot go.

    meter: of the whole network.
    """
    say(f"pruning {ratio:g}")
    try:
        plan = plan_pruning(config, net, Pruning(ratio, "latency", IMPORTANCE, scope="uniform"), meter=meter)
    except UserError as error:
        say(str(error))
        return None
    pruned = without(net, removed_channels(plan.choice, plan.groups))
    parameters, macs = network_costs(pruned, config)
    with integer_file(pruned_config(config, pruned), pruned, batches) as file:
        after, before = bench_against(file.path, whole, asked.threads, asked.runs)
    return PrunedRow(parameters, macs, dict(after.latency_ms), dict(before.latency_ms))
