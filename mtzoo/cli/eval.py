"""Evaluate a checkpoint (.pt) or a deploy model (.onnx) on the config's validation data, all with one evaluator.

    mtzoo eval work_dirs/4pe_resize-multitask/fusion-bn-c2-last.pt
    mtzoo eval work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --executor onnxruntime
"""

import argparse
import json
from pathlib import Path

from rich.console import Console

from mtzoo.cli.arguments import parse_options
from mtzoo.cli.models import model_config, model_predictor
from mtzoo.engine.device import select_device
from mtzoo.engine.evaluate import evaluate, network_executor, raw_predictor
from mtzoo.engine.stages import load_checkpoint_network
from mtzoo.evaluation.table import format_table
from mtzoo.locate import find_model
from mtzoo.runtime.model import DeployModel

HELP = "AP, AP50 and mIoU of a checkpoint or a deploy model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_OR_CHECKPOINT", help="a .pt checkpoint, an .onnx model, or a zoo model's name")
    parser.add_argument("--executor", choices=["openvino", "onnxruntime"], default="openvino", help="what runs an .onnx model")
    parser.add_argument("--ctx", default="auto", metavar="cpu|0", help="device for a checkpoint")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N images of each folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the metrics there")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="override keys of the model's config")


def run(args: argparse.Namespace) -> int:
    options = parse_options(args.cfg_options)
    if args.model.endswith(".pt"):
        device = select_device(args.ctx)
        net, config, _ = load_checkpoint_network(Path(args.model), options)
        metrics = evaluate(raw_predictor(network_executor(net.to(device), device), config), config, limit=args.limit)
    else:
        model = DeployModel.load(find_model(args.model), args.executor)
        config = model_config(model, options)
        metrics = evaluate(model_predictor(model), config, batch_size=1, limit=args.limit)
    Console().print(format_table(metrics))
    if args.json:
        args.json.write_text(json.dumps(metrics, indent=1))
    return 0
