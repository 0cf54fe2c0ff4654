"""What `mtzoo ptq` hands over: checkpoint, deploy model, proof of equality, comparison; and the way back to float, part by part."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from rich.console import Console
from torch import nn

from mtzoo.cli.deliver import originals
from mtzoo.cli.models import export_spec, model_predictor
from mtzoo.config import config_from_dict
from mtzoo.engine.checkpoint import save_checkpoint
from mtzoo.engine.evaluate import evaluate, network_executor, raw_predictor
from mtzoo.engine.pictures import pick_samples
from mtzoo.engine.ptq import FOLDED_STEP, Job, Mixed, integer_network, mixed_network, spare_parts
from mtzoo.engine.run import INTEGER_STEP
from mtzoo.engine.sensitivity import (
    ADVICE,
    Noise,
    draw_noise,
    fingerprint,
    load_noise,
    measure_noise,
    noise_table,
    rank_parts,
    save_noise,
)
from mtzoo.evaluation.comparison import Variant, comparison_table, comparison_values, failing_tasks, task_drops
from mtzoo.export.deploy import build_model, export_model
from mtzoo.export.load import read_deploy_file
from mtzoo.files import write_whole
from mtzoo.models import MultiTaskNet
from mtzoo.runtime.bench import compare_latency
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import verify
from mtzoo.runtime.verify_mixed import verify_mixed

VERIFY_IMAGES = 8
BENCH_RUNS = 30
SENSITIVITY, PICTURE = "sensitivity.json", "sensitivity.png"
KEPT_FILES = (SENSITIVITY, PICTURE)
"""What a save dir may hold at the start: a table of an earlier run, which is used again."""


@dataclass(frozen=True)
class Delivery:
    """Where results go and how they are measured. limit: images of each validation folder; threads: of the latency
    measurement, None without one."""

    job: Job
    save_dir: Path
    checkpoint: Path
    limit: int | None
    threads: int | None
    console: Console

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def evaluate_network(self, net: nn.Module) -> dict[str, float]:
        """Metrics of a torch network."""
        config = self.job.config
        return evaluate(raw_predictor(network_executor(net, torch.device("cpu")), config), config, limit=self.limit)

    def evaluate_mixed(self, net: MultiTaskNet) -> dict[str, float]:
        """Metrics of a network with float parts, as the file that would be made of it."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "mixed.onnx"
            export_model(net, export_spec(self.job.config, FOLDED_STEP), path, postprocess=True)
            return self.evaluate_file(path)

    def evaluate_file(self, path: Path) -> dict[str, float]:
        """Metrics of a deploy model, with its own post-processing."""
        return evaluate(model_predictor(DeployModel.load(path)), self.job.config, batch_size=1, limit=self.limit)


def measure_base(delivery: Delivery, net: MultiTaskNet) -> Variant:
    """The float network, as it was trained."""
    delivery.say("float: evaluating")
    return Variant("float", delivery.evaluate_network(net), float_model(delivery.job).ByteSize())


def float_model(job: Job) -> onnx.ModelProto:
    """The float network in ONNX with post-processing: what a float runtime would be given."""
    spec = export_spec(job.config, FOLDED_STEP)
    return build_model(job.folded, spec.tasks, spec.geometry, spec.input_format, quantized=False, postprocess=True)


def compare_integer(delivery: Delivery, base: Variant) -> Variant:
    """Quantize the whole network, write, verify and measure it, print the comparison."""
    job, prefix = delivery.job, delivery.job.config.solver[INTEGER_STEP].prefix
    delivery.say("integers: calibrating and converting")
    net, checkpoint = integer_network(job)
    save_checkpoint(delivery.save_dir / f"{prefix}-last.pt", checkpoint, ADVICE)
    path = delivery.save_dir / f"{prefix}-export-last.onnx"
    export_model(net, export_spec(job.config, INTEGER_STEP), path, postprocess=True)
    delivery.say("integers: verifying and evaluating the deploy model")
    report = verify(path, originals(pick_samples(job.config, VERIFY_IMAGES)))
    result = Variant("integers", delivery.evaluate_file(path), path.stat().st_size,
                     differing=(sum(report.mismatches.values()), sum(sum(t.values.values()) for t in report.executors.values())))
    return show_comparison(delivery, base, result, path, "comparison.json")


def compare_as_configured(delivery: Delivery, base: Variant, layers: Sequence[str]) -> Variant:
    """The same for a config that leaves `layers` in float, or their inputs: there is no integer network to make."""
    delivery.say(f"the config leaves {len(layers)} layers in float, or their inputs, {layers[0]} first: no integer network")
    net, checkpoint = mixed_network(delivery.job, ())
    return deliver_mixed(delivery, base, Mixed(net, checkpoint, tuple(layers), delivery.evaluate_mixed(net)))


def show_comparison(delivery: Delivery, base: Variant, result: Variant, path: Path, file: str) -> Variant:
    """Measure the latency of both if asked to, print and save the table; the result with its latency."""
    job = delivery.job
    if delivery.threads is not None:
        model = read_deploy_file(path)
        times = compare_latency({"base": float_model(job), "result": model.model}, model.info, delivery.threads, BENCH_RUNS)
        base, result = replace(base, latency_ms=times["base"]), replace(result, latency_ms=times["result"])
    images = "all validation images" if delivery.limit is None else f"{delivery.limit} images of each validation folder"
    runtime = "" if delivery.threads is None else f"; OpenVINO, {delivery.threads} threads"
    delivery.console.print(comparison_table(base, result, job.kinds, f"{job.config.name}, {images}{runtime}"))
    write_whole(delivery.save_dir / file, json.dumps(comparison_values(base, result, job.kinds), indent=1).encode(),
                ADVICE)
    delivery.say(f"deploy model: {path} ({path.stat().st_size:,} bytes)")
    return result


def compare_mixed(delivery: Delivery, base: Variant, integers: Variant, max_drop: float) -> bool:
    """Find the parts to blame and leave them in float until no task loses more than `max_drop`; whether that was reached."""
    job = delivery.job
    failing = failing_tasks(base.metrics, integers.metrics, job.kinds, max_drop)
    delivery.say(f"more than {max_drop:g} points lost: " + ", ".join(f"{task} {drop:.2f}" for task, drop in failing.items()))
    noise = sensitivity(delivery, sorted(failing))

    def is_good(metrics: dict[str, float]) -> bool:
        return not failing_tasks(base.metrics, metrics, job.kinds, max_drop)

    def on_try(parts: Sequence[str], metrics: dict[str, float]) -> None:
        drops = task_drops(base.metrics, metrics, job.kinds)
        delivery.say(f"in float: {', '.join(p.removeprefix('nodes.') for p in parts)}: largest drop "
                     f"{max(drop for drop in drops.values() if not math.isnan(drop)):.2f}")

    mixed = spare_parts(job, rank_parts(job, noise, failing), delivery.evaluate_mixed, is_good, on_try)
    if mixed is None:
        delivery.say(f"--max-drop {max_drop:g} cannot be reached with half of the network in integers; train with quantization: "
                     f"mtzoo quant-train --load-from {delivery.checkpoint}")
        return False
    deliver_mixed(delivery, base, mixed)
    return True


def sensitivity(delivery: Delivery, tasks: list[str]) -> Noise:
    """The noise of every part: measured, or of an earlier run; printed, drawn and saved."""
    path, made_for = delivery.save_dir / SENSITIVITY, fingerprint(delivery.job, delivery.checkpoint)
    known = load_noise(path, made_for) if path.exists() else {}
    if known:
        delivery.say(f"{path}: {len(known)} parts measured before")
    noise = measure_noise(delivery.job, known, lambda part, found: save_noise(path, made_for, found))
    delivery.console.print(noise_table(noise, tasks))
    draw_noise(delivery.save_dir / PICTURE, noise, tasks)
    return noise


def deliver_mixed(delivery: Delivery, base: Variant, mixed: Mixed) -> Variant:
    """Write and compare the network with float parts. Executors are compared, equality is not claimed."""
    job = delivery.job
    save_checkpoint(delivery.save_dir / "mixed-last.pt", mixed.checkpoint, ADVICE)
    path = delivery.save_dir / "mixed-export-last.onnx"
    export_model(mixed.net, export_spec(config_from_dict(mixed.checkpoint.config), FOLDED_STEP), path, postprocess=True)
    distances = verify_mixed(mixed.net, path, originals(pick_samples(job.config, VERIFY_IMAGES)))
    delivery.say(f"mixed: {len(mixed.parts)} parts or layers in float, NOT an integer network; executors differ where float sums do:")
    for name, distance in distances.items():
        delivery.say(f"  {name}: {distance.differing:,} of {distance.values:,} raw values differ from torch, by {distance.largest:.1e} "
                     "at most")
    result = Variant("mixed", mixed.metrics, path.stat().st_size)
    return show_comparison(delivery, base, result, path, "comparison-mixed.json")
