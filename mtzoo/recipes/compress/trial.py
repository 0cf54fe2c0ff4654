"""Training one candidate of automatic compression to the end: every part of it goes on where it was interrupted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtzoo.compression.candidates import SPARSE, Candidate
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.deploy.export import describe, write_model
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.evaluate import evaluate_shown
from mtzoo.engine.origin import ADVICE
from mtzoo.engine.pruning import pruned_config
from mtzoo.engine.ptq import fold_all, integer_checkpoint, integer_network
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.stages import FLOAT_STEP
from mtzoo.engine.work_dir import MARKER
from mtzoo.evaluation.comparison import Variant, failing_tasks
from mtzoo.models import MultiTaskNet
from mtzoo.recipes.delivery import Base, Delivery, deliver_integer, float_model, int8_job, network_costs
from mtzoo.recipes.models import export_spec, model_predictor
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.model import DeployModel


@dataclass(frozen=True)
class Trial:
    """What all candidates have in common. delivery: of the base, its save dir holds a folder for each; teacher: a checkpoint, from
    which every training distils; pruned: the narrower network, untrained."""

    delivery: Delivery
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
        return not failing_tasks(self.base.variant.metrics, result.metrics, self.delivery.kinds, self.max_drop)


def train_candidate(trial: Trial, candidate: Candidate) -> tuple[Variant, Path]:
    """The candidate as it was measured, and its deploy model.

    Pruned or sparse ones are trained in float; integers are had by calibration, and by training with quantization only where that
    loses too much.
    """
    folder = trial.delivery.save_dir / candidate.name
    net, config = _float_network(trial, candidate)
    if candidate.precision != "int8":
        return deliver_float(trial.delivery, candidate.name, candidate.precision, net, config, folder)
    delivery = replace(trial.delivery, save_dir=folder, threads=None)
    job = int8_job(config, net, trial.images)
    made = deliver_integer(delivery, trial.base, candidate.name, *integer_network(job))
    if trial.holds(made.result):
        return made.result, made.model
    config = retraining_config(taught(config, trial.teacher), trial.retraining, quantized=True)
    trained = _retrain(trial, config, folder / "quant", net, quantized=True)
    delivery = replace(delivery, save_dir=folder / "quant")
    made = deliver_integer(delivery, trial.base, candidate.name, trained, integer_checkpoint(trained, config))
    return made.result, made.model


def deliver_float(delivery: Delivery, name: str, precision: str, net: MultiTaskNet, config: ExperimentConfig,
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
    executor = OpenVinoExecutor(model, delivery.threads or 1, "bf16" if precision == "bf16" else "f32")
    metrics = evaluate_shown(f"{name}: evaluating", model_predictor(DeployModel.of(info, executor)), config, batch_size=1,
                             limit=delivery.limit)
    return Variant(name, metrics, path.stat().st_size, *network_costs(folded, config)), path


def taught(config: ExperimentConfig, teacher: Path, more: Mapping[str, Any] | None = None) -> ExperimentConfig:
    """The config that learns from `teacher`, too, with more keys; what it says of distillation otherwise stays."""
    values = dict(config.resolved)
    values["distillation"] = {**(values.get("distillation") or {}), "teacher": str(teacher)}
    return config_from_dict({**values, **(more or {})})


def _float_network(trial: Trial, candidate: Candidate) -> tuple[MultiTaskNet, ExperimentConfig]:
    """The float network with the candidate's structure, trained on where it has one: once for all precisions."""
    config = trial.delivery.config
    if not candidate.prune and not candidate.sparse:
        return trial.net, config
    start = trial.pruned if candidate.prune else trial.net
    if candidate.prune:
        config = pruned_config(config, start)
    config = taught(config, trial.teacher, {"sparsity": {"ratio": SPARSE}} if candidate.sparse else None)
    config = retraining_config(config, trial.retraining, quantized=False)
    folder = trial.delivery.save_dir / replace(candidate, precision="fp32").name / "float"
    return _retrain(trial, config, folder, start, quantized=False), config


def _retrain(trial: Trial, config: ExperimentConfig, folder: Path, start: MultiTaskNet, *, quantized: bool) -> MultiTaskNet:
    state = start.state_dict()
    run = retrain(config, folder, quantized=quantized, console=trial.delivery.console, ctx=trial.ctx, resume=(folder / MARKER).exists(),
                  initialize=lambda run: run.net.load_state_dict(state), eval_limit=trial.delivery.limit)
    return run.net
