"""What every compression tool hands over: checkpoint, deploy model, proof of equality, and the comparison with the base."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from torch import nn

from mtzoo.compression import Corrections
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.console import PlainConsole, numbered
from mtzoo.deploy.exactness import exactness_lines
from mtzoo.deploy.export import build_model, export_model
from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.load import DeployFile, read_deploy_file
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import Checkpoint, save_checkpoint
from mtzoo.engine.evaluate import evaluate_shown, network_predictor
from mtzoo.engine.origin import ADVICE
from mtzoo.engine.pictures import pick_samples
from mtzoo.engine.ptq import Job, fold_all, integer_checkpoint, integer_network, mixed_checkpoint
from mtzoo.engine.run import INTEGER_STEP
from mtzoo.engine.stages import FLOAT_STEP, FOLDED_STEP
from mtzoo.evaluation.comparison import Variant, comparison_table, comparison_values, task_drops
from mtzoo.models import MultiTaskNet
from mtzoo.models.costs import node_costs
from mtzoo.progress import OnProgress, counted, show_progress
from mtzoo.quantization import inexact_layers
from mtzoo.recipes.deploy_run import originals
from mtzoo.recipes.models import export_spec, model_predictor
from mtzoo.runtime.bench import compare_latency
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import verify
from mtzoo.runtime.verify_mixed import verify_mixed
from mtzoo.runtime.verify_table import distance_table
from mtzoo.strict_json import write_json

VERIFY_IMAGES = 8
ORIGINAL = "original, int8"
BENCH_RUNS = 30


@dataclass(frozen=True)
class Delivery:
    """Where results go and how they are measured. config: of the base; limit: images of each validation folder; threads: of the
    latency measurement, None without one."""

    config: ExperimentConfig
    save_dir: Path
    limit: int | None
    threads: int | None
    console: PlainConsole

    @property
    def kinds(self) -> dict[str, str]:
        return self.config.kinds

    def say(self, text: str) -> None:
        self.console.print(text)

    def evaluate_network(self, net: nn.Module) -> dict[str, float]:
        """Metrics of a torch network."""
        return evaluate_shown("evaluating", network_predictor(net, self.config, torch.device("cpu")), self.config, limit=self.limit)

    def evaluate_file(self, path: Path) -> dict[str, float]:
        """Metrics of a deploy model, with its own post-processing."""
        return evaluate_shown(f"evaluating {path.name}", model_predictor(DeployModel.load(path)), self.config, batch_size=1,
                              limit=self.limit)

    def samples(self, on_progress: OnProgress) -> Iterator[np.ndarray]:
        """Images to verify a file on, each told when it is done."""
        return originals(counted(pick_samples(self.config, VERIFY_IMAGES), on_progress))


@dataclass(frozen=True)
class Compressed:
    """A smaller network. out: the folder of all its files; checkpoint, model: its checkpoint and its deploy model; base, result: the
    original and this network as they were measured; drops: task -> points of its main metric that are lost, NaN without ground truth;
    holds: False where a drop is larger than was allowed, and nothing could be done about it."""

    out: Path
    checkpoint: Path
    model: Path
    base: Variant
    result: Variant
    drops: Mapping[str, float]
    holds: bool = True

    @property
    def passed(self) -> bool:
        """Whether it holds what was promised: the drop, and that all executors of an integer network agree."""
        return self.holds and self.result.passed


@dataclass(frozen=True)
class Base:
    """What a result is compared with: as measured, and as the ONNX model that a float runtime would be given."""

    variant: Variant
    model: onnx.ModelProto


def measure_base(delivery: Delivery, net: MultiTaskNet, folded: MultiTaskNet) -> Base:
    """A float network as it was trained. folded: the same without BN, which is what runs and counts."""
    delivery.say("float: evaluating")
    model = float_model(delivery.config, folded)
    parameters, macs = network_costs(folded, delivery.config)
    return Base(Variant("float", delivery.evaluate_network(net), model.ByteSize(), parameters, macs), model)


def float_model(config: ExperimentConfig, folded: MultiTaskNet) -> onnx.ModelProto:
    """A float network without BN in ONNX, with post-processing."""
    spec = export_spec(config, INTEGER_STEP)
    return build_model(folded, spec.tasks, spec.geometry, spec.input_format, quantized=False, postprocess=True,
                       layout=spec.input_layout)


def int8_job(config: ExperimentConfig, net: MultiTaskNet, batches: Batches) -> Job:
    """A float network and what its integers are calibrated on."""
    return Job(config, fold_all(net, config), batches, Corrections())


def float_checkpoint(config: ExperimentConfig, folder: Path) -> Path:
    """Where a training or a recipe leaves the float network."""
    return folder / f"{config.solver[FLOAT_STEP].prefix}-float-last.pt"


@contextmanager
def integer_file(config: ExperimentConfig, net: MultiTaskNet, batches: Batches) -> Iterator[DeployFile]:
    """The deploy model of a float network's integers; the file itself is gone afterwards."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "integers.onnx"
        integers, _ = integer_network(int8_job(config, net, batches))
        export_model(integers, export_spec(config, INTEGER_STEP), path, postprocess=True)
        yield read_deploy_file(path)


def integer_base(delivery: Delivery, net: MultiTaskNet, batches: Batches) -> Base:
    """The original as an integer network, measured; no file is kept."""
    _, macs = network_costs(net, delivery.config)
    with integer_file(delivery.config, net, batches) as file:
        return Base(Variant(ORIGINAL, delivery.evaluate_file(file.path), file.size, file.info.parameters, macs), file.model)


def network_costs(net: MultiTaskNet, config: ExperimentConfig) -> tuple[int, int]:
    """(parameters, multiply-accumulates of one deploy image)."""
    costs = node_costs(net, config.deploy_geometry.input_hw)
    return sum(c.params for c in costs), sum(c.macs for c in costs)


def deliver_integer(delivery: Delivery, base: Base, name: str, net: MultiTaskNet, checkpoint: Checkpoint) -> Compressed:
    """Write, verify and measure a network on its grids, print and save the comparison.

    net: frozen; checkpoint: of step 3, whose config says what the network is. Files: `<prefix>-last.pt`,
    `<prefix>-export-last.onnx` with its sidecar, `comparison.json`.
    """
    config = config_from_dict(checkpoint.config)
    prefix = config.solver[INTEGER_STEP].prefix
    saved, path = (delivery.save_dir / f"{prefix}-{name}" for name in ("last.pt", "export-last.onnx"))
    save_checkpoint(saved, checkpoint, ADVICE)
    info = export_model(net, export_spec(config, INTEGER_STEP), path, postprocess=True)
    for line in exactness_lines(net, info):
        delivery.say(line)
    delivery.say(f"{name}: verifying and evaluating the deploy model")
    with show_progress("verifying", transient=True) as on_progress:
        report = verify(path, delivery.samples(on_progress))
    differing = sum(report.mismatches.values()), sum(sum(t.values.values()) for t in report.executors.values())
    parameters, macs = network_costs(net, config)
    result = Variant(name, delivery.evaluate_file(path), path.stat().st_size, parameters, macs, differing=differing)
    return show_comparison(delivery, base, result, saved, path, "comparison.json")


def deliver_quantized(delivery: Delivery, base: Base, name: str, net: MultiTaskNet, config: ExperimentConfig) -> Compressed:
    """Deliver a trained fake-quant network as what its config allows it to be: integers, or a network that is not exact."""
    if inexact_layers(net):
        return deliver_mixed(delivery, base, net, mixed_checkpoint(net, config))
    return deliver_integer(delivery, base, name, net, integer_checkpoint(net, config))


def evaluate_mixed(delivery: Delivery, net: MultiTaskNet) -> dict[str, float]:
    """Metrics of a network that is not exact, as the file that would be made of it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.onnx"
        export_model(net, export_spec(delivery.config, FOLDED_STEP), path, postprocess=True)
        return delivery.evaluate_file(path)


def deliver_mixed(delivery: Delivery, base: Base, net: MultiTaskNet, checkpoint: Checkpoint,
                  metrics: Mapping[str, float] | None = None) -> Compressed:
    """Write and compare a network that is not exact. Executors are compared, equality is not claimed.

    checkpoint: of step 2; metrics: of `evaluate_mixed`, None if it was not evaluated yet. Files: `mixed-last.pt`,
    `mixed-export-last.onnx` with its sidecar, `comparison-mixed.json`.
    """
    config = config_from_dict(checkpoint.config)
    saved, path = (delivery.save_dir / f"mixed-{name}" for name in ("last.pt", "export-last.onnx"))
    save_checkpoint(saved, checkpoint, ADVICE)
    export_model(net, export_spec(config, FOLDED_STEP), path, postprocess=True)
    reasons = inexact_layers(net)
    first, why = next(iter(reasons.items()))
    delivery.say(f"mixed: NOT an integer network, because of {numbered(len(reasons), 'layer')}: '{first}' {why}")
    with show_progress("comparing executors", transient=True) as on_progress:
        distances = verify_mixed(net, read_deploy_file(path), delivery.samples(on_progress))
    delivery.console.print(distance_table(distances))
    result = Variant("mixed", metrics or delivery.evaluate_file(path), path.stat().st_size, *network_costs(net, config))
    return show_comparison(delivery, base, result, saved, path, "comparison-mixed.json")


def show_comparison(delivery: Delivery, base: Base, result: Variant, checkpoint: Path, path: Path, file: str) -> Compressed:
    """Measure the latency of both if asked to, print and save the table. checkpoint, path: of the result; file: the table's name."""
    before, kinds = base.variant, delivery.kinds
    if delivery.threads is not None:
        model = read_deploy_file(path)
        times = latency_shown({"base": base.model, "result": model.model}, model.info, delivery.threads, BENCH_RUNS)
        before, result = replace(before, latency_ms=times["base"]), replace(result, latency_ms=times["result"])
    images = "all validation images" if delivery.limit is None else f"{delivery.limit} images of each validation folder"
    runtime = "" if delivery.threads is None else f"; OpenVINO, {numbered(delivery.threads, 'thread')}"
    delivery.console.print(comparison_table(before, result, kinds, f"{delivery.config.name}, {images}{runtime}"))
    write_json(delivery.save_dir / file, comparison_values(before, result, kinds), ADVICE)
    delivery.say(f"deploy model: {path} ({path.stat().st_size:,} bytes)")
    drops = task_drops(before.metrics, result.metrics, kinds)
    return Compressed(delivery.save_dir, checkpoint, path, before, result, drops)


def latency_shown(models: Mapping[str, onnx.ModelProto], info: DeployInfo, threads: int, runs: int) -> dict[str, float]:
    """`compare_latency`, its progress shown."""
    with show_progress("measuring latency", transient=True) as on_progress:
        return compare_latency(models, info, threads, runs, on_round=lambda done: on_progress(done, runs))
