"""Make weights zero: train a float network on while more and more of its weights go, then integers, export, verify, compare.

    mtzoo sparsify --config real_resize/multitask --model-path with-bn-float-last.pt --ratio 0.75 --retraining-iters 4000 \\
        --distill-from with-bn-float-last.pt
    mtzoo sparsify --config real_resize/multitask --model-path with-bn-float-last.pt --pattern 2:4 --retraining-iters 4000

The save dir gets the run with `with-bn-float-last.pt`, a float checkpoint for `quant-train --load-from` (with the same `sparsity`
in the config the zeros stay), `int-inference-last.pt`, its deploy model, `comparison.json` and `sparsity.json`: sizes raw and as
stored compressed, and what runtimes make of the zeros, against the same network with all weights. Exit code 1: executors differ.
"""

import argparse
from dataclasses import asdict
from typing import Any

import onnx
from rich.table import Table

from mtzoo.cli.arguments import (
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_model_path_argument,
    add_retraining_arguments,
    adopt_checkpoint,
    config_from_arguments,
    measuring_from_arguments,
    retraining_from_arguments,
    run_console,
    save_dir_from_arguments,
)
from mtzoo.cli.delivery import BENCH_RUNS, ORIGINAL, Delivery, deliver_integer, int8_job, integer_base, passed
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.numbers import at_least
from mtzoo.cli.outputs import claim_folder, output_folder
from mtzoo.compression.sparsity import UNSTRUCTURED
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.distributed import is_main
from mtzoo.engine.origin import ADVICE
from mtzoo.engine.ptq import integer_network, load_float_network, require_exact
from mtzoo.engine.retraining import retrain, retraining_config
from mtzoo.engine.stages import INTEGER_STEP
from mtzoo.errors import UserError
from mtzoo.export.load import read_deploy_file
from mtzoo.runtime.sparse import SparseLatency, Stored, compare_sparse, stored
from mtzoo.strict_json import write_json

SPARSE = "sparse, int8"
HELP = "make weights zero while training, then integers, export, verify, compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    add_model_path_argument(parser)
    parser.add_argument("--ratio", type=float, metavar="R",
                        help="share of the weights to be zero; default: the config's sparsity")
    parser.add_argument("--pattern", metavar="N:M", help=f"of M neighbouring weights N stay, e.g. 2:4; default {UNSTRUCTURED}")
    add_retraining_arguments(parser)
    add_ctx_argument(parser)
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), default=64, metavar="N",
                        help="training images whose ranges are observed (64)")
    parser.add_argument("--save-dir", type=output_folder("--save-dir"), metavar="DIR",
                        help="a new folder; default work_dirs/CONFIG-sparsify")
    add_measuring_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    limit, threads = measuring_from_arguments(args)
    retraining = retraining_from_arguments(args)
    config = config_from_arguments(args, sparsity_options(args))
    save_dir = save_dir_from_arguments(config, args, "sparsify")
    _lock = claim_folder(save_dir, "--save-dir", None if args.resume else ())
    console = run_console()
    config = retraining_config(adopt_checkpoint(config, args.model_path, console), retraining, quantized=False)
    if config.sparsity is None:
        raise UserError("what is to be zero is missing; add --ratio, e.g. 0.75, or --pattern 2:4, or 'sparsity' to the config")
    say_folders(config, "train", "val")
    net = load_float_network(config, args.model_path)
    batches = Batches(calibration_images(config, args.calib_images))
    require_exact(int8_job(config, net, batches), "sparsify")
    trained = retrain(config, save_dir, quantized=False, initialize=lambda run: run.net.load_state_dict(net.state_dict()),
                      console=console, ctx=args.ctx, resume=args.resume, eval_limit=limit)
    if not is_main():
        return 0
    delivery = Delivery(config, save_dir, limit, threads, console)
    delivery.say(f"{ORIGINAL}: calibrating, converting, evaluating")
    base = integer_base(delivery, net, batches)
    delivery.say(f"{SPARSE}: calibrating and converting")
    result = deliver_integer(delivery, base, SPARSE, *integer_network(int8_job(config, trained.net, batches)))
    report_sparsity(delivery, base.model)
    return 0 if passed(result) else 1


def sparsity_options(args: argparse.Namespace) -> dict[str, Any]:
    """--ratio and --pattern as keys of the config; the config's own where neither is given."""
    if args.ratio is None and args.pattern is None:
        return {}
    return {"sparsity.ratio": args.ratio, "sparsity.pattern": args.pattern or UNSTRUCTURED}


def report_sparsity(delivery: Delivery, dense: onnx.ModelProto) -> None:
    """Print and save what the zeros are worth. dense: the network before, in integers."""
    prefix = delivery.config.solver[INTEGER_STEP].prefix
    file = read_deploy_file(delivery.save_dir / f"{prefix}-export-last.onnx")
    dense_sizes, sizes = stored(dense), stored(file.model)
    latency = {} if delivery.threads is None else compare_sparse(dense, file.model, file.info, delivery.threads, BENCH_RUNS)
    delivery.console.print(sparsity_table(dense_sizes, sizes, latency))
    for runtime, times in latency.items():
        if not times.gains:
            delivery.say(f"{runtime} gains nothing from the zeros: {times.speedup:.2f} x as fast, quicker in "
                         f"{100 * times.quicker:.0f} % of {BENCH_RUNS} rounds; it multiplies by them, too")
    values = {"dense": asdict(dense_sizes), "sparse": asdict(sizes), "latency": {name: asdict(t) for name, t in latency.items()}}
    write_json(delivery.save_dir / "sparsity.json", values, ADVICE)


def sparsity_table(dense: Stored, sparse: Stored, latency: dict[str, SparseLatency]) -> Table:
    """Sizes and latencies of two integer networks of the same layers."""
    table = Table("", ORIGINAL, SPARSE, "", title="the same layers with and without zeros")
    for column in table.columns[1:]:
        column.justify = "right"
    zeros = 100 * (1 - sparse.nonzero / sparse.weights)
    table.add_row("weights that are not 0", f"{dense.nonzero:,}", f"{sparse.nonzero:,}", f"{zeros:.1f} % are 0")
    for name, was, now in (("bytes of the file", dense.raw, sparse.raw), ("bytes, zipped", dense.deflated, sparse.deflated),
                           ("bytes, as bit mask and non-zeros", dense.masked, sparse.masked)):
        table.add_row(name, f"{was:,}", f"{now:,}", f"{was / now:.2f} x smaller")
    for runtime, times in latency.items():
        table.add_row(f"{runtime}, ms", f"{times.dense_ms:.1f}", f"{times.sparse_ms:.1f}", f"{times.speedup:.2f} x as fast")
    return table
