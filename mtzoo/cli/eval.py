"""Evaluate a checkpoint (.pt) or a deploy model (.onnx) on the validation data of its config.

    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/fusion-bn-c2-last.pt
    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --executor onnxruntime
    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/with-bn-last.pt --convert
    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/with-bn-float-last.pt --tta flip 0.75 1.25
    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --out wrong
    mtzoo eval --checkpoint work_dirs/4pe_resize-multitask/with-bn-float-last.pt --ctx 0,1

--out draws the confusion matrix or the curves of each task, and the worst images.
--tta also shows a float checkpoint mirrored and scaled images, and makes one answer of all: no deploy model does that.
--convert also evaluates the deploy model that a fake-quant checkpoint would become, with BN folded, run by --executor.
"""

import argparse

from mtzoo.cli.arguments import add_override_argument, parse_options
from mtzoo.cli.idle import note_idle
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.numbers import at_least
from mtzoo.cli.other_names import CARRIED, add_idle_options
from mtzoo.cli.outputs import output_file, output_folder
from mtzoo.cli.parser import Parser
from mtzoo.console import say
from mtzoo.settings.mistakes import WORST
from mtzoo.strict_json import write_json

HELP = "evaluate a checkpoint or a deploy model: AP, AP50, mIoU, top-1 accuracy"


def add_arguments(parser: Parser) -> None:
    parser.add_subject("--checkpoint", dest="model", metavar="MODEL_OR_CHECKPOINT",
                       help="a .pt checkpoint, float weights (zoo:NAME), an .onnx model, or a zoo model's name")
    parser.add_argument("--executor", choices=["openvino", "onnxruntime"], default="openvino",
                        help="the runtime of an .onnx model or of the converted form")
    parser.add_argument("--convert", action="store_true",
                        help="also evaluate the deploy model that a fake-quant checkpoint would become")
    parser.add_argument("--tta", nargs="+", metavar="flip|SCALE",
                        help="show a float checkpoint mirrored and scaled images, too, e.g. --tta flip 0.75 1.25")
    parser.add_argument("--ctx", default="auto", metavar="cpu|cpu:N|0|0,1",
                        help="devices: one process for each GPU, or N processes on the CPU, share the images (a GPU if there is one)")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="only the first N images of each folder")
    parser.add_argument("--json", type=output_file("--json"), metavar="FILE",
                        help="also write the metrics to this file; null without ground truth")
    parser.add_argument("--out", type=output_folder("--out"), metavar="DIR",
                        help="a new folder for pictures of the mistakes: confusion matrices, curves, the worst images")
    parser.add_argument("--worst", type=at_least(1, "--worst"), metavar="N",
                        help=f"with --out: number of worst images of each task ({WORST})")
    parser.add_argument("--render", action="store_true", help="render missing synthetic scenes of the model's config")
    add_idle_options(parser, CARRIED)
    add_override_argument(parser, "the model's config; of an .onnx model: sources, data_root, tasks.NAME.val, env")


def run(args: argparse.Namespace) -> int:
    return in_processes_of_ctx(evaluate_model, resumes=False)(args)


def evaluate_model(args: argparse.Namespace) -> int:
    """Evaluate, in this process or with others."""
    from mtzoo.engine.distributed import is_main, world_size
    from mtzoo.evaluation.table import format_table, side_by_side
    from mtzoo.recipes.evaluate import evaluate, is_checkpoint

    if not is_checkpoint(args.model):
        note_idle(args, "a deploy model runs on the CPU", *(["--ctx"] if world_size() == 1 else []))
    elif not args.convert:
        note_idle(args, "torch runs a checkpoint; --convert also runs the deploy model that it would become", "--executor")
    result = evaluate(args.model, options=parse_options(args.cfg_options), executor=args.executor, convert=args.convert,
                      tta=args.tta or (), ctx=args.ctx, limit=args.limit, render=args.render, out=args.out, worst=args.worst)
    if not is_main():
        return 0
    metrics = {"fake-quant": result.metrics, **result.converted} if args.convert else result.metrics
    say(side_by_side(metrics) if args.convert else format_table(metrics))
    if args.json:
        write_json(args.json, metrics, "choose another --json")
    return 0
