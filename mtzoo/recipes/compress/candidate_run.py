"""Training one candidate of automatic compression to the end: every part of it goes on where it was interrupted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtzoo.compression.candidates import SPARSE, Candidate
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.deploy.export import describe
from mtzoo.deploy.file import write_model
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.evaluate import evaluate_shown
from mtzoo.engine.fingerprint import ADVICE
from mtzoo.engine.pruning import pruned_config
from mtzoo.engine.ptq import fold_all, integer_checkpoint, integer_network
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.stages import FLOAT_STEP
from mtzoo.engine.work_dir import MARKER
from mtzoo.evaluation.comparison import Variant, failing_tasks
from mtzoo.models import MultiTaskNet
from mtzoo.recipes.exported import export_integer
from mtzoo.recipes.models import export_spec, model_predictor
from mtzoo.recipes.workspace import Base, Workspace, float_model, int8_job, network_costs
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.model import DeployModel


@dataclass(frozen=True)
class CandidateRun:
    """What all candidates have in common. workspace: of the base, a folder for each is in it; teacher: a checkpoint, from
    which every training distils; pruned: the narrower network, untrained."""

    workspace: Workspace
    base: Base
    net: MultiTaskNet
    pruned: MultiTaskNet
    teacher: Path
    retraining: Retraining
    images: Batches
    max_drop: float
    ctx: str | None

    def holds(self, result: Variant) -> bool:
        """Whether no task loses more than is allowed."""
        return not failing_tasks(self.base.variant.metrics, result.metrics, self.workspace.kinds, self.max_drop)


def train_candidate(run: CandidateRun, candidate: Candidate) -> tuple[Variant, Path]:
    """The candidate as it was measured, and its deploy model.

    Pruned or sparse ones are trained in float; integers are had by calibration, and by training with quantization only where that
    loses too much.
    """
    folder = run.workspace.out / candidate.name
    net, config = _float_network(run, candidate)
    if candidate.precision != "int8":
        return export_float(run.workspace, candidate.name, candidate.precision, net, config, folder)
    workspace = replace(run.workspace, out=folder, threads=None)
    job = int8_job(config, net, run.images)
    made = export_integer(workspace, run.base, candidate.name, *integer_network(job))
    if run.holds(made.result):
        return made.result, made.model
    config = retraining_config(with_teacher(config, run.teacher), run.retraining, quantized=True)
    trained = _retrain(run, config, folder / "quant", net, quantized=True)
    workspace = replace(workspace, out=folder / "quant")
    made = export_integer(workspace, run.base, candidate.name, trained, integer_checkpoint(trained, config))
    return made.result, made.model


def export_float(workspace: Workspace, name: str, precision: str, net: MultiTaskNet, config: ExperimentConfig,
                  folder: Path) -> tuple[Variant, Path]:
    """Write the network as a float deploy model with post-processing, and a checkpoint; bf16 is a hint to the runtime, no other
    file."""
    folded, spec = fold_all(net, config), export_spec(config, FLOAT_STEP)
    prefix = config.solver[FLOAT_STEP].prefix
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.detach().clone() for key, value in net.state_dict().items()}
    save_checkpoint(folder / f"{prefix}-float-last.pt", Checkpoint(dict(config.resolved), Progress(FLOAT_STEP, False, 0, True), state),
                    ADVICE)
    path = folder / f"{prefix}-float-export-last.onnx"
    model = float_model(config, folded)
    info = describe(model, folded, spec)
    write_model(model, info, path)
    executor = OpenVinoExecutor(model, workspace.threads or 1, "bf16" if precision == "bf16" else "f32")
    metrics = evaluate_shown(f"{name}: evaluating", model_predictor(DeployModel.of(info, executor)), config, batch_size=1,
                             limit=workspace.limit)
    return Variant(name, metrics, path.stat().st_size, *network_costs(folded, config)), path


def with_teacher(config: ExperimentConfig, teacher: Path, more: Mapping[str, Any] | None = None) -> ExperimentConfig:
    """The config that learns from `teacher`, too, with more keys; what it says of distillation otherwise stays."""
    values = dict(config.resolved)
    values["distillation"] = {**(values.get("distillation") or {}), "teacher": str(teacher)}
    return config_from_dict({**values, **(more or {})})


def _float_network(run: CandidateRun, candidate: Candidate) -> tuple[MultiTaskNet, ExperimentConfig]:
    """The float network with the candidate's structure, trained on where it has one: once for all precisions."""
    config = run.workspace.config
    if not candidate.prune and not candidate.sparse:
        return run.net, config
    start = run.pruned if candidate.prune else run.net
    if candidate.prune:
        config = pruned_config(config, start)
    config = with_teacher(config, run.teacher, {"sparsity": {"ratio": SPARSE}} if candidate.sparse else None)
    config = retraining_config(config, run.retraining, quantized=False)
    folder = run.workspace.out / replace(candidate, precision="fp32").name / "float"
    return _retrain(run, config, folder, start, quantized=False), config


def _retrain(run: CandidateRun, config: ExperimentConfig, folder: Path, start: MultiTaskNet, *, quantized: bool) -> MultiTaskNet:
    state = start.state_dict()
    trained = retrain(config, folder, quantized=quantized, console=run.workspace.console, ctx=run.ctx,
                      resume=(folder / MARKER).exists(), initialize=lambda fresh: fresh.net.load_state_dict(state),
                      eval_limit=run.workspace.limit)
    return trained.net
