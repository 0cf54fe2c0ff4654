"""Evaluate a checkpoint (.pt) or a deploy model (.onnx) on the config's validation data, all with one evaluator.

    mtzoo eval work_dirs/4pe_resize-multitask/fusion-bn-c2-last.pt
    mtzoo eval work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --executor onnxruntime
    mtzoo eval work_dirs/4pe_resize-multitask/with-bn-last.pt --convert

--convert evaluates a fake-quant checkpoint twice: as it is, and as the deploy model it would become, BN folded, run by --executor.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from mtzoo.cli.arguments import parse_options
from mtzoo.cli.models import export_spec, model_config, model_predictor
from mtzoo.config import ExperimentConfig
from mtzoo.console import say
from mtzoo.engine.device import select_device
from mtzoo.engine.evaluate import evaluate, network_executor, raw_predictor
from mtzoo.engine.ptq import integer_checkpoint
from mtzoo.engine.run import INTEGER_STEP
from mtzoo.engine.stages import FOLDED_STEP, fold_for_step, load_checkpoint_network
from mtzoo.errors import UserError
from mtzoo.evaluation.table import format_table, side_by_side
from mtzoo.export.deploy import export_model
from mtzoo.locate import find_model
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import inexact_layers, is_prepared
from mtzoo.runtime.model import DeployModel
from mtzoo.strict_json import write_json

HELP = "AP, AP50 and mIoU of a checkpoint or a deploy model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_OR_CHECKPOINT", help="a .pt checkpoint, an .onnx model, or a zoo model's name")
    parser.add_argument("--executor", choices=["openvino", "onnxruntime"], default="openvino",
                        help="what runs an .onnx model, or the converted form")
    parser.add_argument("--convert", action="store_true", help="also evaluate what a fake-quant checkpoint becomes")
    parser.add_argument("--ctx", default="auto", metavar="cpu|0", help="device for a checkpoint")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N images of each folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the metrics there")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="override keys of the model's config")


def run(args: argparse.Namespace) -> int:
    options = parse_options(args.cfg_options)
    if args.model.endswith(".pt"):
        device = select_device(args.ctx)
        net, config, step = load_checkpoint_network(Path(args.model), options)
        if args.convert and not is_prepared(net):
            raise UserError(f"--convert {args.model}: a float checkpoint, nothing in it can be converted; quantize it with `mtzoo ptq` "
                            "or `mtzoo quant`")
        metrics = evaluate(raw_predictor(network_executor(net.to(device), device), config), config, limit=args.limit)
        if args.convert:
            name, converted = evaluate_converted(net.cpu(), config, step, args.executor, args.limit)
            metrics = {"fake-quant": metrics, name: converted}
    elif args.convert:
        raise UserError(f"--convert {args.model}: an ONNX model is converted already; name the .pt checkpoint it was made of")
    else:
        model = DeployModel.load(find_model(args.model), args.executor)
        config = model_config(model, options)
        metrics = evaluate(model_predictor(model), config, batch_size=1, limit=args.limit)
    say(side_by_side(metrics) if args.convert else format_table(metrics))
    if args.json:
        write_json(args.json, metrics, "choose another --json")
    return 0


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
        return f"{name}, {executor}", evaluate(model_predictor(DeployModel.load(path, executor)), config, batch_size=1, limit=limit)
