"""Train a float checkpoint on as the integers it will be, in one stage; then export, verify, compare.

    mtzoo quant --config real_resize/multitask --model-path with-bn-float-last.pt --retraining-iters 300
    mtzoo quant --config real_resize/multitask --model-path pruned-float-last.pt --retraining-iters 300 --learning-rate 2e-5
    mtzoo quant ... --resume

All BN is folded at once, ranges are calibrated, and fake-quant training begins, with the config's phase of step 2. `mtzoo
quant-train` goes the longer way in four steps, from float training on. What the config's `quantization` keeps from being integers
(float or 16-bit parts, scales of any value) stays as it says; such a network is written as `mixed-*`. Exit code 1: executors
differ.
"""

import argparse

from mtzoo.cli.arguments import (
    add_config_arguments,
    add_ctx_argument,
    add_float_layers_argument,
    add_measuring_arguments,
    add_model_path_argument,
    add_retraining_arguments,
    adopt_checkpoint,
    config_from_arguments,
    measuring_from_arguments,
    retraining_from_arguments,
    run_console,
    save_dir_from_arguments,
    with_float_layers,
)
from mtzoo.cli.delivery import Delivery, deliver_quantized, measure_base, passed
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.outputs import claim_folder, output_folder
from mtzoo.engine.distributed import is_main
from mtzoo.engine.ptq import fold_all, load_float_network
from mtzoo.engine.retraining import retrain, retraining_config

HELP = "train a float checkpoint on with quantization, in one stage, export, verify, compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    add_model_path_argument(parser)
    parser.add_argument("--save-dir", type=output_folder("--save-dir"), metavar="DIR",
                        help="where the run is kept; default work_dirs/CONFIG-quant")
    add_retraining_arguments(parser)
    add_ctx_argument(parser)
    add_float_layers_argument(parser)
    add_measuring_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    limit, threads = measuring_from_arguments(args)
    retraining = retraining_from_arguments(args)
    console = run_console()
    config = with_float_layers(adopt_checkpoint(config_from_arguments(args), args.model_path, console), args)
    say_folders(config, "train", "val")
    config = retraining_config(config, retraining, quantized=True)
    save_dir = save_dir_from_arguments(config, args, "quant")
    _lock = claim_folder(save_dir, "--save-dir", may_hold=None)
    net = load_float_network(config, args.model_path)
    trained = retrain(config, save_dir, quantized=True, initialize=lambda run: run.net.load_state_dict(net.state_dict()),
                      console=console, ctx=args.ctx, resume=args.resume, eval_limit=limit)
    if not is_main():
        return 0
    delivery = Delivery(config, save_dir, limit, threads, console)
    base = measure_base(delivery, net, fold_all(net, config))
    return 0 if passed(deliver_quantized(delivery, base, "quant", trained.net, config)) else 1
