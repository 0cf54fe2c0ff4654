"""A strategy file that names its methods: exactly these are done, one after another.

Channels and zeros first, trained in float in one go; then integers, trained or by calibration alone.
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtzoo.compression import removed_channels
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.strategy import Strategy
from mtzoo.config.strategy_methods import ChannelPruning
from mtzoo.deploy.file import sidecar_path
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.pruning import layer_limits, plan_pruning, pruned_config, without
from mtzoo.engine.pruning_record import RECORD, load_record, made_for, save_record
from mtzoo.engine.ptq import PtqInputs, fold_all, left_inexact, with_kept_layers
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.work_dir import MARKER
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.recipes.compress.candidate_run import export_float
from mtzoo.recipes.exported import Compressed, export_quantized, show_comparison
from mtzoo.recipes.ptq_results import compare_as_configured, compare_integer
from mtzoo.recipes.workspace import Base, Workspace, float_checkpoint, measure_base
from mtzoo.settings.post_training import Corrections
from mtzoo.settings.pruning import Pruning
from mtzoo.task_kind import task_kind

METRIC_TOLERANCE = 0.05
"""How far the network before may be from TrainConfig.origin_metric, as there."""
WINNER = "compressed.onnx"
FOLDERS = FLOAT, QUANT = "float", "quant"
"""The folders of the trainings that a strategy asks for."""


@dataclass(frozen=True)
class Work:
    """What all steps need. teacher: the checkpoint that distillation learns from; retraining: None if nothing is trained."""

    workspace: Workspace
    strategy: Strategy
    checkpoint: Path
    teacher: Path
    retraining: Retraining | None
    ctx: str | None
    calib_images: int | None


def quantized_config(config: ExperimentConfig, strategy: Strategy) -> ExperimentConfig:
    """The config with the strategy's quantization, and its layers in float."""
    if not strategy.quantization and not strategy.float_patterns:
        return config
    values = {**config.resolved, "quantization": {**config.resolved.get("quantization", {}), **(strategy.quantization or {})}}
    return with_kept_layers(config_from_dict(values), strategy.float_patterns, "float")


def apply_strategy(work: Work, net: MultiTaskNet) -> Compressed:
    """Do what the strategy says with the float network of `work.checkpoint`."""
    workspace, config = work.workspace, work.workspace.config
    limits = _limits(work, net)
    base = measure_base(workspace, net, fold_all(net, config))
    _check_origin(work, base)
    if limits is not None:
        net = _pruned(work, net, limits)
        config = pruned_config(config, net)
    if work.strategy.trains_float:
        net, config = _trained_float(work, net, config)
    if work.strategy.quantization is None:
        result, path = export_float(workspace, "compressed", "fp32", net, config, workspace.out)
        made = show_comparison(workspace, base, result, float_checkpoint(config, workspace.out).name, path.name,
                               "comparison.json")
    else:
        made = (_calibrated if work.strategy.calibrated else _trained_quantized)(work, base, net, config)
    copy_model(made.model, workspace.out / WINNER)
    workspace.say(f"{work.strategy.path}: done as it says; {workspace.out / WINNER}")
    return replace(made, model=workspace.out / WINNER)


def copy_model(model: Path, target: Path) -> None:
    """A deploy model with its sidecar."""
    for source, copy in ((model, target), (sidecar_path(model), sidecar_path(target))):
        shutil.copyfile(source, copy)


def _check_origin(work: Work, base: Base) -> None:
    """The network before has to be as good as TrainConfig.origin_metric says: otherwise the data are not those it was made for."""
    wanted = work.strategy.training.origin_metric
    if wanted is None:
        return
    path, kinds = work.strategy.path, work.workspace.kinds
    metrics = [base.variant.metrics[f"{task}/{task_kind(kind).main_metric}"] / 100 for task, kind in kinds.items()]
    known = [metric for metric in metrics if not math.isnan(metric)]
    if not known:
        raise UserError(f"{path}: TrainConfig.origin_metric={wanted}: no task has ground truth to compare it with; remove it")
    found = sum(known) / len(known)
    if abs(found - wanted) > METRIC_TOLERANCE:
        raise UserError(f"{path}: TrainConfig.origin_metric={wanted}: the network before has {found:.4f}, the mean of its tasks; check "
                        "--dataset-config and --checkpoint, or fix it")


def _limits(work: Work, net: MultiTaskNet) -> dict[str, int] | None:
    """Channel group -> how many of its units stay when the strategy's share of each layer's channels goes; None without pruning."""
    wanted = work.strategy.pruning
    if wanted is None:
        return None
    try:
        return layer_limits(net, _pruning(wanted), wanted.ratio, wanted.layers)
    except UserError as error:
        raise UserError(f"{work.strategy.path}: ChannelPrune.{error}") from error


def _pruning(wanted: ChannelPruning) -> Pruning:
    return Pruning(None, importance=wanted.importance, scope="uniform", blocks=False)


def _pruned(work: Work, net: MultiTaskNet, limits: Mapping[str, int]) -> MultiTaskNet:
    """Narrower by what the limits let go. What goes is chosen once and kept in the output folder."""
    config, record, pruning = work.workspace.config, work.workspace.out / RECORD, _pruning(work.strategy.pruning)
    origin = made_for(config, work.checkpoint, pruning, limits)
    if record.exists():
        return without(net, load_record(record, origin))
    plan = plan_pruning(config, net, pruning, limits=limits)
    save_record(record, origin, plan)
    work.workspace.say(f"pruned: {len(plan.steps)} steps, {100 * plan.removed:.1f} % of the MACs are gone")
    return without(net, removed_channels(plan.choice, plan.groups))


def _trained_float(work: Work, net: MultiTaskNet, config: ExperimentConfig) -> tuple[MultiTaskNet, ExperimentConfig]:
    values = dict(config.resolved)
    if work.strategy.sparsity is not None:
        values["sparsity"] = dict(work.strategy.sparsity)
    return _trained(work, net, config_from_dict(values), quantized=False)


def _trained(work: Work, net: MultiTaskNet, config: ExperimentConfig, *, quantized: bool) -> tuple[MultiTaskNet, ExperimentConfig]:
    """The network trained on in a folder of its own, where an interrupted run goes on."""
    if work.strategy.distillation is not None:
        config = _distilled(work, config, work.strategy.distillation)
    config = retraining_config(config, work.retraining, quantized=quantized)
    folder, state = work.workspace.out / (QUANT if quantized else FLOAT), net.state_dict()
    run = retrain(config, folder, quantized=quantized, console=work.workspace.console, ctx=work.ctx, resume=(folder / MARKER).exists(),
                  initialize=lambda run: run.net.load_state_dict(state), eval_limit=work.workspace.limit)
    return run.net, config


def _distilled(work: Work, config: ExperimentConfig, distillation: Mapping[str, Any]) -> ExperimentConfig:
    """The config that learns from the teacher; what it says of distillation beyond the strategy stays."""
    more = {**distillation, "teacher": str(work.teacher)}
    return config_from_dict({**config.resolved, "distillation": {**(config.resolved.get("distillation") or {}), **more}})


def _calibrated(work: Work, base: Base, net: MultiTaskNet, config: ExperimentConfig) -> Compressed:
    images = Batches(calibration_images(config, work.calib_images))
    job = PtqInputs(config, fold_all(net, config), images, Corrections(biases=work.strategy.bias_correction))
    compare = compare_as_configured if left_inexact(job) else compare_integer
    return compare(work.workspace, job, base)


def _trained_quantized(work: Work, base: Base, net: MultiTaskNet, config: ExperimentConfig) -> Compressed:
    trained, config = _trained(work, net, config, quantized=True)
    return export_quantized(work.workspace, base, "compressed, int8", trained, config)
