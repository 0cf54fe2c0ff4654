"""Compress a float checkpoint for a target, by itself: rank candidates by latency, train the best, keep the fastest good one.

    mtzoo compress --config real_resize/multitask --model-path with-bn-float-last.pt --retraining-iters 1000 --max-drop 1
    mtzoo compress --config real_resize/multitask --model-path with-bn-float-last.pt --retraining-iters 1000 \\
        --deploy-hardware generic-arm-a75 --target-speedup 2
    mtzoo compress --config real_resize/multitask --tasks seg_default --model-path with-bn-float-last.pt \\
        --strategy-config sparse.yaml --dataset-config humanseg_dataset.yaml
    mtzoo compress ... --resume

Candidates are int8, bf16 where the hardware has it, pruned by 0.3, sparse by 0.75, and pairs. With host-cpu they are measured, with
any other hardware predicted from its profile (`mtzoo hardware`), before anything is trained. Training distils from the original, or
from what --distill-from names. The save dir gets a folder for each candidate tried, `compress.json` with all of them, and the winner
as `compressed.onnx`. A strategy file that names methods (docs/from_paddle.md) has exactly these done instead.

Somebody else's float network, with unlabelled images (docs/foreign.md): the ways to calibrate are tried, the best is trained on with
the original as teacher if --retraining-iters is given. Such a network is neither pruned nor made sparse.

    mtzoo compress --onnx model.onnx --images frames/ --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --rgb --retraining-iters 200

Exit code 1: no candidate tried holds --max-drop; executors differ.
"""

import argparse
import math
import shutil
from dataclasses import replace
from pathlib import Path

from mtzoo.cli.arguments import (
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_model_path_argument,
    add_retraining_arguments,
    adopt_checkpoint,
    config_from_arguments,
    measuring_from_arguments,
    run_console,
    save_dir_from_arguments,
)
from mtzoo.cli.compress_files import (
    add_strategy_arguments,
    config_of_files,
    files_from_arguments,
    retraining_of,
    training_text,
)
from mtzoo.cli.compress_onnx import OF_CONFIG, run_onnx
from mtzoo.cli.compress_report import candidate_table, draw_candidates
from mtzoo.cli.compress_strategy import WINNER, apply_strategy, work_of
from mtzoo.cli.compress_trial import Trial, train_candidate
from mtzoo.cli.delivery import Base, Delivery, float_model, int8_job, measure_base, passed
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.models import export_spec
from mtzoo.cli.numbers import at_least
from mtzoo.cli.onnx_source import OF_SOURCE, add_source_arguments, check_one_way
from mtzoo.cli.outputs import claim_folder, output_folder
from mtzoo.compression.candidates import LEAST_GAIN, ORIGINAL, Candidate, all_candidates, of_strategy, order_of_trial
from mtzoo.compression.hardware_profile import HOST, PRECISIONS, HardwareProfile, load_profile
from mtzoo.compression.latency import unmeasured_kinds, unmeasured_line
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.candidates import folded_candidates, measured_latency, predicted_latency, pruned_network
from mtzoo.engine.compress_state import STATE, CompressState, load_state, made_for
from mtzoo.engine.ptq import fold_all, load_float_network, require_exact
from mtzoo.engine.retraining import Retraining
from mtzoo.engine.run import INTEGER_STEP
from mtzoo.errors import UserError
from mtzoo.export.deploy import sidecar_path
from mtzoo.graph import read_program
from mtzoo.models import MultiTaskNet

HELP = "compress for a target: rank candidates by latency, train, keep the fastest that is good enough"
PICTURE = "compress.png"
MAX_DROP = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser, required=False)
    add_model_path_argument(parser, required=False)
    parser.add_argument("--deploy-hardware", default=HOST, metavar="H",
                        help=f"{HOST}, a profile's name or its .yaml file ({HOST})")
    parser.add_argument("--strategy", metavar="A+B",
                        help="only this candidate, e.g. int8 or prune+int8; default: it chooses by itself")
    add_strategy_arguments(parser)
    bound = parser.add_argument_group("what is wanted")
    bound.add_argument("--target-speedup", type=float, metavar="X",
                       help="times as fast as the original; the mildest that reaches it")
    bound.add_argument("--max-drop", type=float, metavar="D",
                       help=f"points of mIoU or AP50 that a task may lose ({MAX_DROP:g})")
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), default=64, metavar="N",
                        help="training images whose int8 ranges are observed (64); with --onnx at most half of the folder")
    parser.add_argument("--save-dir", type=output_folder("--save-dir"), metavar="DIR",
                        help="a new folder; default work_dirs/CONFIG-compress")
    add_retraining_arguments(parser, required=False)
    add_ctx_argument(parser, several=False)
    add_measuring_arguments(parser)
    add_source_arguments(parser)


def run(args: argparse.Namespace) -> int:
    check_one_way(args, OF_CONFIG, OF_SOURCE, ("config", "model_path"))
    limit, threads = measuring_from_arguments(args)
    if args.onnx is not None:
        return run_onnx(args, threads)
    if args.target_speedup is not None and not 1 < args.target_speedup < math.inf:
        raise UserError(f"--target-speedup {args.target_speedup}: more than 1 times as fast is wanted")
    if args.max_drop is not None and not 0 <= args.max_drop < math.inf:
        raise UserError(f"--max-drop {args.max_drop}: points of mIoU or AP50, 0 or more, e.g. 1")
    strategy, dataset = files_from_arguments(args)
    profile = None if args.deploy_hardware == HOST else load_profile(args.deploy_hardware)
    candidates = all_candidates(profile.precisions if profile else PRECISIONS)
    wanted = of_strategy(candidates, args.strategy)
    retraining, console = retraining_of(args, strategy, dataset), run_console()
    config = config_of_files(adopt_checkpoint(config_from_arguments(args), args.model_path, console), strategy, dataset)
    say_folders(config, "train", "val")
    delivery = Delivery(config, save_dir_from_arguments(config, args, "compress"), limit, threads or args.threads, console)
    _lock = claim_folder(delivery.save_dir, "--save-dir", None if args.resume else ())
    if strategy is not None and strategy.names_methods:
        work = work_of(replace(delivery, threads=threads), strategy, args, retraining)
        return apply_strategy(work, load_float_network(config, args.model_path))
    return search(args, delivery, wanted, candidates, profile, retraining)


def search(args: argparse.Namespace, delivery: Delivery, wanted: list[Candidate], candidates: list[Candidate],
           profile: HardwareProfile | None, retraining: Retraining) -> int:
    """Rank all candidates, train the `wanted` ones that are worth it until one holds the bound; the exit status."""
    config, state = delivery.config, open_state(args, delivery, retraining)
    net = load_float_network(config, args.model_path)
    images = Batches(calibration_images(config, args.calib_images))
    require_exact(int8_job(config, net, images), "compress")
    pruned = pruned_network(config, net, args.model_path, delivery.save_dir)
    speedups = rank(delivery, state, net, pruned, candidates, args.deploy_hardware, profile)
    order = order_of_trial(wanted, speedups, args.target_speedup)
    if not order:
        what = "nothing pays: no candidate is" if args.strategy is None else f"{wanted[0].name} does not pay: it is not"
        delivery.say(f"on {args.deploy_hardware} {what} {LEAST_GAIN:g} times as fast as without it, or with a method less")
        return 1
    delivery.say(f"worth training, in this order: {', '.join(c.name for c in order)}")
    teacher = Path(config.distillation.teacher) if config.distillation else args.model_path
    max_drop = MAX_DROP if args.max_drop is None else args.max_drop
    trial = Trial(delivery, measured_base(delivery, state, net), net, pruned, teacher, retraining, images, max_drop, args.ctx)
    winner = try_in_order(trial, state, order)
    delivery.console.print(candidate_table(config.name, state, candidates, delivery.kinds))
    draw_candidates(delivery.save_dir / PICTURE, state, candidates, delivery.kinds)
    return hand_over(trial, state, winner)


def open_state(args: argparse.Namespace, delivery: Delivery, retraining: Retraining) -> CompressState:
    """That of an interrupted run with --resume, or a new one."""
    path = delivery.save_dir / STATE
    origin = made_for(delivery.config, args.model_path, hardware=args.deploy_hardware, iterations=retraining.iterations,
                      batch_size=retraining.batch_size, learning_rate=retraining.learning_rate, limit=args.limit,
                      training=training_text(retraining))
    return load_state(path, origin) if args.resume and path.exists() else CompressState(path, origin)


def rank(delivery: Delivery, state: CompressState, net: MultiTaskNet, pruned: MultiTaskNet, candidates: list[Candidate],
         hardware: str, profile: HardwareProfile | None) -> dict[Candidate, float]:
    """How many times as fast as the original each candidate is; measured or predicted once.

    profile: of `hardware`, None: this machine is measured.
    """
    if not state.latency_ms:
        delivery.say(f"{len(candidates)} candidates: {'measuring on this machine' if profile is None else 'predicting'} their latency")
        nets, spec = folded_candidates(delivery.config, net, pruned, candidates), export_spec(delivery.config, INTEGER_STEP)
        if profile is not None and (kinds := unmeasured_kinds([read_program(net)], profile)):
            delivery.say(unmeasured_line(hardware, kinds))
        latency = measured_latency(nets, spec, delivery.threads) if profile is None else predicted_latency(nets, spec, profile)
        state.latency_ms = {candidate.name: ms for candidate, ms in latency.items()}
        state.save()
    delivery.console.print(candidate_table(delivery.config.name, state, candidates, delivery.kinds))
    return {c: state.latency_ms[ORIGINAL.name] / state.latency_ms[c.name] for c in candidates}


def measured_base(delivery: Delivery, state: CompressState, net: MultiTaskNet) -> Base:
    """The original: evaluated once."""
    folded = fold_all(net, delivery.config)
    if state.base is not None:
        return Base(state.base, float_model(delivery.config, folded))
    base = measure_base(delivery, net, folded)
    state.base = base.variant
    state.save()
    return base


def try_in_order(trial: Trial, state: CompressState, order: list[Candidate]) -> Candidate | None:
    """Train one after another until one holds the bound."""
    for candidate in order:
        if candidate.name not in state.results:
            trial.delivery.say(f"{candidate.name}: training")
            result, model = train_candidate(trial, candidate)
            state.results[candidate.name] = result
            state.models[candidate.name] = str(model.relative_to(trial.delivery.save_dir))
            state.save()
        if trial.holds(state.results[candidate.name]):
            return candidate
        trial.delivery.say(f"{candidate.name}: loses more than {trial.max_drop:g} points")
    return None


def hand_over(trial: Trial, state: CompressState, winner: Candidate | None) -> int:
    """Put the winner's deploy model and its sidecar at the top of the save dir."""
    say, folder = trial.delivery.say, trial.delivery.save_dir
    if winner is None:
        say(f"--max-drop {trial.max_drop:g}: none of the {len(state.results)} candidates that were trained holds it; all are kept in "
            f"{folder}. Train longer (--retraining-iters) or allow more")
        return 1
    model, result = folder / state.models[winner.name], state.results[winner.name]
    for source, target in ((model, folder / WINNER), (sidecar_path(model), sidecar_path(folder / WINNER))):
        shutil.copyfile(source, target)
    say(f"{winner.name}: {state.latency_ms[ORIGINAL.name] / state.latency_ms[winner.name]:.2f} times as fast as the original, "
        f"{trial.base.variant.bytes / result.bytes:.2f} times smaller; {folder / WINNER} (checkpoint beside {model})")
    return 0 if passed(result) else 1
