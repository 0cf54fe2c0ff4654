"""Compress a float checkpoint for a target: rank candidates by latency, train them in this order, keep the first that is good enough.

    mtzoo compress --config real_resize/multitask --checkpoint with-bn-float-last.pt --iters 1000 --max-drop 1
    mtzoo compress --config real_resize/multitask --checkpoint with-bn-float-last.pt --iters 1000 \\
        --deploy-hardware generic-arm-a75 --target-speedup 2
    mtzoo compress --config real_resize/multitask --tasks seg_default --checkpoint with-bn-float-last.pt \\
        --strategy-config sparse.yaml --dataset-config humanseg_dataset.yaml
    mtzoo compress ... --resume

Candidates are int8, bf16 if the hardware has it, pruned by 0.3, sparse by 0.75, and pairs of these. Before any training, their
latency is measured (host-cpu) or predicted from a hardware profile (`mtzoo hardware`). Training distils from the original, or from
--distill-from.
--out gets a folder for each candidate that was trained, `compress.json` with all of them, and the winner as `compressed.onnx`. If a
strategy file names methods (docs/from_paddle.md), exactly these are applied.

Somebody else's float network, with unlabelled images (docs/foreign.md): several ways to calibrate are compared. With --iters the best
is trained with the original as teacher. Such a network is neither pruned nor made sparse.

    mtzoo compress --onnx model.onnx --images frames/ --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --rgb --iters 200

Exit code 1: no candidate meets --max-drop, or executors differ.
"""

import argparse
from pathlib import Path

from mtzoo.cli.arguments import (
    add_checkpoint_argument,
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_out_argument,
    add_retraining_arguments,
    config_from_arguments,
    measuring_from_arguments,
    out_from_arguments,
)
from mtzoo.cli.compress_idle import note_idle_measuring
from mtzoo.cli.compress_onnx import OF_CONFIG, run_onnx
from mtzoo.cli.numbers import at_least
from mtzoo.cli.onnx_source import OF_SOURCE, add_source_arguments, check_one_way
from mtzoo.cli.parser import Parser
from mtzoo.settings.target import HOST, MAX_DROP, Target, Training

HELP = "search for the best compression for a target, apply it, export, verify, compare"


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser, required=False)
    parser.add_argument("--deploy-hardware", default=HOST, metavar="H",
                        help=f"{HOST}, a profile's name or its .yaml file ({HOST})")
    parser.add_argument("--strategy", metavar="A+B",
                        help="only this candidate, e.g. int8 or prune+int8; default: search")
    files = parser.add_argument_group("files of PaddleSlim's automatic compression, see docs/from_paddle.md")
    files.add_argument("--strategy-config", type=Path, metavar="YAML",
                       help="the methods to apply, or, with TrainConfig alone, how the search trains")
    files.add_argument("--dataset-config", type=Path, metavar="YAML", help="data of the segmentation task, instead of the config's")
    bound = parser.add_argument_group("target")
    bound.add_argument("--target-speedup", type=float, metavar="X",
                       help="be X times as fast as the original, with the mildest compression that reaches it")
    bound.add_argument("--max-drop", type=float, metavar="D",
                       help=f"points of AP50, mIoU or top1 that a task may lose ({MAX_DROP:g})")
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), metavar="N",
                        help="training images for calibration (64, or all if there are fewer); with --onnx at most half of the folder")
    add_out_argument(parser, "a new folder; default work_dirs/CONFIG-compress")
    add_retraining_arguments(parser, default_iters="those of --strategy-config; with --onnx no training")
    add_ctx_argument(parser, several=False)
    add_measuring_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.compress import compress

    check_one_way(args, OF_CONFIG, OF_SOURCE, ("checkpoint",))
    if args.onnx is not None:
        return run_onnx(args, measuring_from_arguments(args)[1])
    note_idle_measuring(args)
    target = Target(args.deploy_hardware, args.strategy, args.target_speedup, args.max_drop)
    training = Training(args.iters, args.batch_size, args.learning_rate, args.workers, args.distill_from, args.ctx)
    config = config_from_arguments(args, "compress", parts.delivery)
    result = compress(args.checkpoint, config, out_from_arguments(config, args, "compress"), target=target, training=training,
                      strategy_config=args.strategy_config, dataset_config=args.dataset_config, calib_images=args.calib_images,
                      resume=args.resume, limit=args.limit, threads=args.threads, bench=args.bench)
    return 0 if result.passed else 1
