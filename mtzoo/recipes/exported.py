"""What every compression tool leaves: checkpoint, deploy model, proof of equality, and the comparison with the base."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.console import numbered
from mtzoo.deploy.exactness import exactness_lines
from mtzoo.deploy.export import export_model
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import Checkpoint, save_checkpoint
from mtzoo.engine.fingerprint import ADVICE
from mtzoo.engine.ptq import integer_checkpoint, mixed_checkpoint
from mtzoo.engine.stages import FOLDED_STEP, INTEGER_STEP
from mtzoo.evaluation.comparison import Variant, comparison_table, comparison_values, task_drops
from mtzoo.models import MultiTaskNet
from mtzoo.progress import show_progress
from mtzoo.quantization import inexact_layers
from mtzoo.recipes.models import export_spec
from mtzoo.recipes.workspace import BENCH_RUNS, Base, Workspace, latency_shown, network_costs
from mtzoo.runtime.verify import verify
from mtzoo.runtime.verify_mixed import verify_mixed
from mtzoo.runtime.verify_table import distance_table
from mtzoo.strict_json import write_json


@dataclass(frozen=True)
class Compressed:
    """A quantized network and its comparison with the original.

    Attributes:
        out: The folder of all files.
        checkpoint: The checkpoint of the network.
        model: Its deploy model, an ONNX file.
        base: The original network as it was measured.
        result: This network as it was measured.
        drops: Points of the main metric that each task loses; a gain is negative. NaN without ground truth.
        holds: Whether no task loses more than the allowed `max_drop`.
    """

    out: Path
    checkpoint: Path
    model: Path
    base: Variant
    result: Variant
    drops: Mapping[str, float]
    holds: bool = True

    @property
    def passed(self) -> bool:
        """Whether `max_drop` holds and all executors of an integer network agree."""
        return self.holds and self.result.passed


def export_integer(workspace: Workspace, base: Base, name: str, net: MultiTaskNet, checkpoint: Checkpoint) -> Compressed:
    """Write, verify and measure a network on its grids, print and save the comparison.

    net: frozen; checkpoint: of step 3, whose config says what the network is. Files: `<prefix>-last.pt`,
    `<prefix>-export-last.onnx` with its sidecar, `comparison.json`.
    """
    config = config_from_dict(checkpoint.config)
    prefix = config.solver[INTEGER_STEP].prefix
    saved, path = (workspace.file(f"{prefix}-{name}") for name in ("last.pt", "export-last.onnx"))
    save_checkpoint(saved, checkpoint, ADVICE)
    info = export_model(net, export_spec(config, INTEGER_STEP), path, postprocess=True)
    for line in exactness_lines(net, info):
        workspace.say(line)
    workspace.say(f"{name}: verifying and evaluating the deploy model")
    with show_progress("verifying", transient=True) as on_progress:
        report = verify(path, workspace.samples(on_progress))
    differing = sum(report.mismatches.values()), sum(sum(t.values.values()) for t in report.executors.values())
    parameters, macs = network_costs(net, config)
    result = Variant(name, workspace.evaluate_file(path), path.stat().st_size, parameters, macs, differing=differing)
    return show_comparison(workspace, base, result, saved.name, path.name, "comparison.json")


def export_quantized(workspace: Workspace, base: Base, name: str, net: MultiTaskNet, config: ExperimentConfig) -> Compressed:
    """Export a trained fake-quant network as what its config allows it to be: integers, or a network that is not exact."""
    if inexact_layers(net):
        return export_mixed(workspace, base, net, mixed_checkpoint(net, config))
    return export_integer(workspace, base, name, net, integer_checkpoint(net, config))


def evaluate_mixed(workspace: Workspace, net: MultiTaskNet) -> dict[str, float]:
    """Metrics of a network that is not exact, as the file that would be made of it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.onnx"
        export_model(net, export_spec(workspace.config, FOLDED_STEP), path, postprocess=True)
        return workspace.evaluate_file(path)


def export_mixed(workspace: Workspace, base: Base, net: MultiTaskNet, checkpoint: Checkpoint,
                  metrics: Mapping[str, float] | None = None) -> Compressed:
    """Write and compare a network that is not exact. Executors are compared, equality is not claimed.

    checkpoint: of step 2; metrics: of `evaluate_mixed`, None if it was not evaluated yet. Files: `mixed-last.pt`,
    `mixed-export-last.onnx` with its sidecar, `comparison-mixed.json`.
    """
    config = config_from_dict(checkpoint.config)
    saved, path = (workspace.file(f"mixed-{name}") for name in ("last.pt", "export-last.onnx"))
    save_checkpoint(saved, checkpoint, ADVICE)
    export_model(net, export_spec(config, FOLDED_STEP), path, postprocess=True)
    reasons = inexact_layers(net)
    first, why = next(iter(reasons.items()))
    workspace.say(f"mixed: NOT an integer network, because of {numbered(len(reasons), 'layer')}: '{first}' {why}")
    with show_progress("comparing executors", transient=True) as on_progress:
        distances = verify_mixed(net, read_deploy_file(path), workspace.samples(on_progress))
    workspace.console.print(distance_table(distances))
    result = Variant("mixed", metrics or workspace.evaluate_file(path), path.stat().st_size, *network_costs(net, config))
    return show_comparison(workspace, base, result, saved.name, path.name, "comparison-mixed.json")


def show_comparison(workspace: Workspace, base: Base, result: Variant, checkpoint: str, model: str, file: str) -> Compressed:
    """Measure the latency of both if asked to, print and save the table. checkpoint, model, file: names of the result's files, and
    of the table's."""
    before, kinds = base.variant, workspace.kinds
    if workspace.threads is not None:
        deployed = read_deploy_file(workspace.file(model))
        times = latency_shown({"base": base.model, "result": deployed.model}, deployed.info, workspace.threads, BENCH_RUNS)
        before, result = replace(before, latency_ms=times["base"]), replace(result, latency_ms=times["result"])
    images = "all validation images" if workspace.limit is None else f"{numbered(workspace.limit, 'image')} of each validation folder"
    runtime = "" if workspace.threads is None else f"; OpenVINO, {numbered(workspace.threads, 'thread')}"
    workspace.console.print(comparison_table(before, result, kinds, f"{workspace.config.name}, {images}{runtime}"))
    write_json(workspace.file(file), comparison_values(before, result, kinds), ADVICE)
    workspace.say(f"deploy model: {workspace.out / model} ({result.bytes:,} bytes)")
    drops = task_drops(before.metrics, result.metrics, kinds)
    return Compressed(workspace.out, workspace.out / checkpoint, workspace.out / model, before, result, drops)
