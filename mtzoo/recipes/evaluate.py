"""Metrics of a checkpoint or a deploy model on validation data, all by one evaluator."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal

import torch

from mtzoo.config import ExperimentConfig
from mtzoo.config.parts import evaluation
from mtzoo.console import PlainConsole, note
from mtzoo.deploy.export import export_model
from mtzoo.engine.checkpoint import SUFFIX, load_checkpoint
from mtzoo.engine.distributed import is_main, joined, process_device, run_console, world_size
from mtzoo.engine.evaluate import Predictor, evaluate_shown, network_executor, network_predictor
from mtzoo.engine.ptq import integer_checkpoint
from mtzoo.engine.stages import FOLDED_STEP, INTEGER_STEP, checkpoint_network, fold_for_step
from mtzoo.engine.tta import TestTimeAugmentation, augmented_predictor
from mtzoo.errors import UserError
from mtzoo.locate import WEIGHTS_SUFFIX, ZOO, find_checkpoint
from mtzoo.machine import cores
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.progress import follows_console
from mtzoo.quantization import inexact_layers, is_prepared
from mtzoo.recipes.data_folders import check_rendered, say_folders
from mtzoo.recipes.idle_options import note_idle_overrides
from mtzoo.recipes.mistakes import EVALUATING, Shown, evaluate_and_draw
from mtzoo.recipes.models import export_spec, model_config, model_predictor, note_idle_model_options
from mtzoo.recipes.output_folder import new_folder
from mtzoo.runtime.model import DeployModel

ExecutorName = Literal["openvino", "onnxruntime"]
BATCH_SIZE = 4
"""Images that a torch network reads at once."""
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class EvalResult:
    """What `evaluate` returns.

    Attributes:
        metrics: Metrics on all validation data in percent, e.g. `{"seg_default/mIoU": 57.5, "det_person/AP50": 14.5}`. NaN without
            ground truth.
        converted: With `convert`: the metrics of the deploy model that the checkpoint would become, under its form and executor.
    """

    metrics: Mapping[str, float]
    converted: Mapping[str, Mapping[str, float]]


@follows_console
def evaluate(model: str | Path, *, options: Mapping[str, Any] = NO_OPTIONS, executor: ExecutorName = "openvino", convert: bool = False,
             tta: Sequence[str] = (), ctx: str = "auto", limit: int | None = None, render: bool = False,
             out: str | Path | None = None, worst: int | None = None, console: PlainConsole | None = None) -> EvalResult:
    """Evaluate a checkpoint or a deploy model on the validation data of its config.

    Processes that torchrun starts share the images. All of them get the metrics of a single process.

    Args:
        model: A checkpoint (`.pt`, `zoo:NAME`), or a deploy model (`.onnx`, or the name of a zoo model).
        options: Dotted keys of the config and their values, e.g. `{"data_root": "my_data"}`. Only the data of a deploy model can
            change.
        executor: What runs a deploy model.
        convert: Evaluate the deploy model that a fake-quant checkpoint would become, too.
        tta: Test-time augmentation of a float checkpoint: the views beside the image itself, e.g. `["flip", "0.75"]`.
        ctx: The device of a checkpoint: `"cpu"`, `"0"`, or `"auto"` (a GPU if there is one).
        limit: Evaluate on the first N images of each validation folder. None: on all.
        render: Render synthetic scenes that do not exist yet.
        out: A new folder for pictures of the mistakes.
        worst: With `out`: the number of pictures for each task. Default: 8.
        console: Where data folders and progress are printed. Default: stdout.

    Raises:
        UserError: Options do not go together, or data are missing.
    """
    name, out = str(model), None if out is None else Path(out)
    check_form(name, tta, convert)
    check_pictures(out, worst, convert)
    device = process_device(ctx)
    console = console or run_console()
    with joined(device), new_folder(out, "--out") if out else nullcontext() as place:
        show = Shown(console, limit, place, worst)
        if is_checkpoint(name):
            result = evaluate_checkpoint(name, options, executor if convert else None, tta, device, render, show)
        else:
            result = evaluate_deployed(DeployModel(model, executor, threads=threads_of_process()), options, render, show)
    if out is not None:
        console.print(f"mistakes: {out}")
    return result


def evaluate_deployed(model: DeployModel, options: Mapping[str, Any], render: bool, show: Shown) -> EvalResult:
    """Evaluate a deploy model."""
    config = model_config(model, options)
    note_idle_model_options(model, options, "eval")
    check_data(config, show.console, render=render)
    return EvalResult(evaluate_and_draw(model_predictor(model), config, show, batch_size=1), {})


def evaluate_checkpoint(name: str, options: Mapping[str, Any], converted_by: ExecutorName | None, tta: Sequence[str],
                        device: torch.device, render: bool, show: Shown) -> EvalResult:
    """Evaluate a checkpoint. converted_by: what runs the deploy model that it would become, None if that is not evaluated."""
    path = find_checkpoint(name)
    checkpoint = load_checkpoint(path)
    net, config, step = checkpoint_network(checkpoint, path, options)
    if converted_by and not is_prepared(net):
        raise UserError(f"--convert {path}: a float checkpoint cannot be converted; quantize it with `mtzoo ptq` or `mtzoo quant`")
    note_idle_overrides(checkpoint.config, options, part=evaluation, verb="eval")
    check_data(config, show.console, render=render)
    predict = tta_predictor(net, config, device, tta, name) if tta else network_predictor(net.to(device), config, device)
    metrics = evaluate_and_draw(predict, config, show, batch_size=BATCH_SIZE)
    converted = evaluate_converted(net.cpu(), config, step, converted_by, show.limit) if converted_by else {}
    return EvalResult(metrics, converted)


def threads_of_process() -> int | None:
    """CPU threads: this process's share of the cores where several run. None: the executor chooses."""
    return max(1, cores() // world_size()) if world_size() > 1 else None


def is_checkpoint(name: str) -> bool:
    """Whether a name or path is that of a checkpoint or of float weights, not of a deploy model."""
    return name.startswith(ZOO) or name.endswith((SUFFIX, WEIGHTS_SUFFIX))


def check_form(name: str, tta: Sequence[str], convert: bool) -> None:
    """Raises UserError for options that this form of a network does not have."""
    if convert and not is_checkpoint(name):
        raise UserError(f"--convert {name}: an ONNX model is converted already; name the .pt checkpoint it was made of")
    if tta and (convert or not is_checkpoint(name)):
        raise UserError(f"--tta {name}: works with a float checkpoint (.pt) without --convert: no deploy model looks at several views")


def check_pictures(out: str | Path | None, worst: int | None, convert: bool) -> None:
    """Raises UserError where nothing can be drawn."""
    if convert and out:
        raise UserError("--out with --convert: figures are of one network; evaluate the deploy model itself with --out")
    if worst and not out:
        raise UserError("--worst: has an effect only with --out, the folder for the pictures; add it or leave --worst out")


def tta_predictor(net: MultiTaskNet, config: ExperimentConfig, device: torch.device, tta: Sequence[str], name: str) -> Predictor:
    """A float network's answers to several views of each image. Raises UserError for a fake-quant one."""
    views = TestTimeAugmentation.parse(tta)
    if is_prepared(net):
        raise UserError(f"--tta {name}: a quantized checkpoint; test-time augmentation needs a float one")
    if is_main():
        note("--tta: the answers to several views of each image are made one, which no deploy model does")
    return augmented_predictor(network_executor(net.to(device), device), views, {task.name: task.decoder for task in config.tasks},
                               network_stride(net))


def check_data(config: ExperimentConfig, console: PlainConsole, *, render: bool) -> None:
    """Tell what is read. Raises UserError for scenes that would have to be rendered unasked."""
    say_folders(config, console, "val")
    check_rendered(config, render)


def evaluate_converted(net: MultiTaskNet, config: ExperimentConfig, step: int, executor: ExecutorName,
                       limit: int | None) -> dict[str, dict[str, float]]:
    """What it became -> its metrics, of a fake-quant network of `step`, which is folded and put on its grids, in place."""
    for later in range(step + 1, FOLDED_STEP + 1):
        fold_for_step(net, config, later)
    name = "not exact" if inexact_layers(net) else "integers"
    if name == "integers":
        integer_checkpoint(net, config)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "converted.onnx"
        export_model(net, export_spec(config, INTEGER_STEP if name == "integers" else FOLDED_STEP), path, postprocess=True)
        predict = model_predictor(DeployModel(path, executor, threads=threads_of_process()))
        metrics = evaluate_shown(f"{EVALUATING}, {name}", predict, config, batch_size=1, limit=limit, spread=True)
    return {f"{name}, {executor}": metrics}
