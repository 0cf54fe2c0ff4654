"""Evaluate a checkpoint (.pt) or a deploy model (.onnx) on the config's validation data, all with one evaluator.

    mtzoo eval work_dirs/4pe_resize-multitask/fusion-bn-c2-last.pt
    mtzoo eval work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --executor onnxruntime
    mtzoo eval work_dirs/4pe_resize-multitask/with-bn-last.pt --convert
    mtzoo eval work_dirs/4pe_resize-multitask/with-bn-float-last.pt --tta flip 0.75 1.25
    mtzoo eval work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --out wrong

--out draws, for each task, the confusion matrix or the curves, and the images that went worst.
--tta evaluates a float checkpoint on the mirror image and on other sizes, too: no deploy model does that.
--convert evaluates a fake-quant checkpoint twice: as it is, and as the deploy model it would become, BN folded, run by --executor.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mtzoo.cli.arguments import add_override_argument, parse_options
from mtzoo.cli.inputs import note_idle_model_options, note_idle_overrides
from mtzoo.cli.numbers import at_least
from mtzoo.cli.other_names import CARRIED, add_idle_options
from mtzoo.cli.outputs import output_file, output_folder
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.console import note, say
from mtzoo.deploy.export import export_model
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.device import single_device
from mtzoo.engine.distributed import run_console
from mtzoo.engine.evaluate import (
    Predictor,
    details_of,
    evaluate_shown,
    network_executor,
    network_predictor,
    raw_predictor,
)
from mtzoo.engine.pictures import write_jpeg
from mtzoo.engine.ptq import integer_checkpoint
from mtzoo.engine.run import INTEGER_STEP
from mtzoo.engine.stages import FOLDED_STEP, checkpoint_network, fold_for_step
from mtzoo.engine.tta import TestTimeAugmentation, augmented_executor
from mtzoo.errors import UserError, listed
from mtzoo.evaluation.details import Details
from mtzoo.evaluation.table import format_table, side_by_side
from mtzoo.files import write_whole
from mtzoo.locate import WEIGHTS_SUFFIX, ZOO, find_checkpoint, find_model
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.quantization import inexact_layers, is_prepared
from mtzoo.recipes.data_folders import check_rendered, say_folders
from mtzoo.recipes.models import export_spec, model_config, model_predictor
from mtzoo.recipes.save_dir import claim_folder
from mtzoo.runtime.model import DeployModel
from mtzoo.strict_json import write_json

WORST = 8
HELP = "AP, AP50 and mIoU of a checkpoint or a deploy model"
EVALUATING = "evaluating"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_OR_CHECKPOINT",
                        help="a .pt checkpoint, float weights (zoo:NAME), an .onnx model, or a zoo model's name")
    parser.add_argument("--executor", choices=["openvino", "onnxruntime"], default="openvino",
                        help="what runs an .onnx model, or the converted form")
    parser.add_argument("--convert", action="store_true", help="also evaluate what a fake-quant checkpoint becomes")
    parser.add_argument("--tta", nargs="+", metavar="flip|SCALE",
                        help="average a float checkpoint's label maps over the mirror image and scales, e.g. --tta flip 0.75 1.25")
    parser.add_argument("--ctx", default="auto", metavar="cpu|0", help="device for a checkpoint")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="only the first N images of each folder")
    parser.add_argument("--json", type=output_file("--json"), metavar="FILE",
                        help="also write the metrics there; null where there is no ground truth")
    parser.add_argument("--out", type=output_folder("--out"), metavar="DIR",
                        help="a new folder for pictures of what goes wrong: confusion matrices, precision-recall and F1 curves")
    parser.add_argument("--worst", type=at_least(1, "--worst"), metavar="N", help="with --out: so many images of each task (8)")
    parser.add_argument("--render", action="store_true", help="render synthetic scenes of the model's config that are not there")
    add_idle_options(parser, CARRIED)
    add_override_argument(parser, "the model's config; of an .onnx model: sources, data_root, tasks.NAME.val, env")


def run(args: argparse.Namespace) -> int:
    is_checkpoint = args.model.startswith(ZOO) or args.model.endswith((".pt", WEIGHTS_SUFFIX))
    if args.convert and not is_checkpoint:
        raise UserError(f"--convert {args.model}: an ONNX model is converted already; name the .pt checkpoint it was made of")
    if args.tta and (args.convert or not is_checkpoint):
        raise UserError(f"--tta {args.model}: takes a float checkpoint (.pt), without --convert: no deploy model averages views")
    if args.convert and args.out:
        raise UserError("--out with --convert: figures are of one network; evaluate the deploy model itself with --out")
    if args.worst and not args.out:
        raise UserError("--worst: has an effect with --out alone, the folder for the pictures; add it or leave --worst out")
    _lock = claim_folder(args.out, "--out") if args.out else None
    options = parse_options(args.cfg_options)
    metrics = evaluate_checkpoint(args, options) if is_checkpoint else evaluate_model(args, options)
    say(side_by_side(metrics) if args.convert else format_table(metrics))
    if args.json:
        write_json(args.json, metrics, "choose another --json")
    return 0


def evaluate_model(args: argparse.Namespace, options: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a deploy model."""
    model = DeployModel.load(find_model(args.model), args.executor)
    config = model_config(model, options)
    note_idle_model_options(model, options, "eval")
    prepare_data(config, args)
    return evaluate_and_draw(model_predictor(model), config, args, batch_size=1)


def evaluate_and_draw(predict: Predictor, config: ExperimentConfig, args: argparse.Namespace, batch_size: int) -> dict[str, float]:
    """Metrics; with --out what goes wrong is drawn there."""
    details = details_of(config) if args.out else None
    metrics = evaluate_shown(EVALUATING, predict, config, batch_size=batch_size, limit=args.limit, details=details)
    if details is not None:
        draw_mistakes(details, predict, config, args.out, args.worst or WORST)
    return metrics


def draw_mistakes(details: Details, predict: Predictor, config: ExperimentConfig, out: Path, count: int) -> None:
    """TASK.png, worst/TASK-NN-IMAGE.jpg, and their numbers in details.json."""
    from mtzoo.engine.mistakes import task_figure, worst_images  # here: matplotlib takes a second to import
    from mtzoo.visualization.figures import figure_bytes

    advice, values = "choose another --out", details.values()
    for task in values:
        figure = task_figure(details, task)
        if figure is not None:
            write_whole(out / f"{task}.png", figure_bytes(figure, "png"), advice)
        values[task]["worst"] = []
        for i, image in enumerate(worst_images(details, task, predict, config, count)):
            write_jpeg(out / "worst" / f"{task}-{i:02d}-{image.score.path.stem}.jpg", image.picture, advice)
            values[task]["worst"].append({"image": str(image.score.path), "score": image.score.score, "said": image.score.said})
    write_json(out / "details.json", values, advice)
    say(f"what goes wrong: {out}")


def evaluate_checkpoint(args: argparse.Namespace, options: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of a checkpoint; with --convert {"fake-quant": its metrics, what it became: those}."""
    path, device = find_checkpoint(args.model), single_device(args.ctx)
    checkpoint = load_checkpoint(path)
    net, config, step = checkpoint_network(checkpoint, path, options)
    if args.convert and not is_prepared(net):
        raise UserError(f"--convert {path}: a float checkpoint, nothing in it can be converted; quantize it with `mtzoo ptq` or "
                        "`mtzoo quant`")
    note_idle_overrides(checkpoint.config, options, read=lambda values: evaluated_part(config_from_dict(values)), verb="eval")
    prepare_data(config, args)
    predict = tta_predictor(net, config, device, args) if args.tta else network_predictor(net.to(device), config, device)
    metrics = evaluate_and_draw(predict, config, args, batch_size=4)
    if not args.convert:
        return metrics
    name, converted = evaluate_converted(net.cpu(), config, step, args.executor, args.limit)
    return {"fake-quant": metrics, name: converted}


def tta_predictor(net: MultiTaskNet, config: ExperimentConfig, device: torch.device, args: argparse.Namespace) -> Predictor:
    """A float network averaged over the views of --tta. Raises UserError for a fake-quant one, and if no task has label maps."""
    tta = TestTimeAugmentation.parse(args.tta)
    if is_prepared(net):
        raise UserError(f"--tta {args.model}: a quantized checkpoint, whose label maps are a deploy model's; name one in float")
    tasks = list(config.segmentation_classes)
    if not tasks:
        raise UserError(f"--tta {args.model}: no segmentation task; boxes are not averaged")
    note(f"--tta: label maps of {listed(tasks)} are averaged over views, which no deploy model does; boxes are those of one view")
    execute = augmented_executor(network_executor(net.to(device), device), tta, tasks, network_stride(net))
    return raw_predictor(execute, {task.name: task.decoder for task in config.tasks})


def prepare_data(config: ExperimentConfig, args: argparse.Namespace) -> None:
    """Tell what is read. Raises UserError for scenes that would have to be rendered unasked."""
    say_folders(config, run_console(), "val")
    check_rendered(config, args.render)


def evaluated_part(config: ExperimentConfig) -> tuple[object, ...]:
    """What of a config an evaluation depends on."""
    tasks = [(t.name, t.kind, t.classes, t.nodes, t.val_sources, t.decoder, t.quantization) for t in config.tasks]
    return (tasks, config.deploy_geometry, config.quantization, config.fusion_bn_patterns, config.channels, config.env.workers,
            config.int_inference_export_input_shape)


def evaluate_converted(net: MultiTaskNet, config: ExperimentConfig, step: int, executor: str,
                       limit: int | None) -> tuple[str, dict[str, float]]:
    """(what it became, its metrics) of a fake-quant network of `step`, which is folded and put on its grids, in place."""
    for later in range(step + 1, FOLDED_STEP + 1):
        fold_for_step(net, config, later)
    name = "not exact" if inexact_layers(net) else "integers"
    if name == "integers":
        integer_checkpoint(net, config)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "converted.onnx"
        export_model(net, export_spec(config, INTEGER_STEP if name == "integers" else FOLDED_STEP), path, postprocess=True)
        predict = model_predictor(DeployModel.load(path, executor))
        return f"{name}, {executor}", evaluate_shown(f"{EVALUATING}, {name}", predict, config, batch_size=1, limit=limit)
