"""`mtzoo compress --onnx`: somebody else's float network, and the way of making it integers that suits it best."""

import argparse
from pathlib import Path

from mtzoo.cli.onnx_delivery import deliver
from mtzoo.cli.onnx_source import batches_of, open_source, read_folder
from mtzoo.compression.hardware_profile import HOST
from mtzoo.console import note, say
from mtzoo.errors import UserError
from mtzoo.progress import show_progress
from mtzoo.recipes.compress.strategy import WINNER
from mtzoo.recipes.save_dir import claim_folder

OF_CONFIG = {"config": None, "model_path": None, "tasks": [], "cfg_options": [], "strategy": None, "strategy_config": None,
             "dataset_config": None, "target_speedup": None, "max_drop": None, "distill_from": None, "batch_size": None,
             "num_workers": None, "resume": False, "deploy_hardware": HOST}
"""Options of `compress --config` -> their value when they are not given."""


def run_onnx(args: argparse.Namespace, threads: int | None) -> int:
    """Search, train the best on, write, verify, compare, measure. Returns 1 if executors differ."""
    from mtzoo.engine.device import single_device
    from mtzoo.foreign.distil import LEARNING_RATE, check_learning_rate
    from mtzoo.foreign.search import Setting, search, settings, train_on

    rate = check_learning_rate(LEARNING_RATE if args.learning_rate is None else args.learning_rate)
    if args.learning_rate is not None and not args.retraining_iters:
        raise UserError("--learning-rate has no effect without --retraining-iters; leave it out")
    device = single_device(args.ctx or "auto")
    save_dir = args.save_dir or Path("work_dirs") / f"{args.onnx.stem}-compress"
    _lock = claim_folder(save_dir, "--save-dir")
    source = open_source(args)
    folder = read_folder(args.images, source.input_hw, args.calib_images, args.limit)
    judging, held_out = folder.held_out[::2], folder.held_out[1::2]
    if not held_out:
        note(f"note: --images {args.images} has too few images: the best is chosen and compared on the same ones")
        held_out = judging
    images, judged = (batches_of(part, source.order) for part in (folder.calibration, judging))
    bits = args.weight_bits or 8
    say(f"{len(settings())} ways to calibrate, on {len(folder.calibration)} images, chosen by {len(judging)} others: same argmax as "
        "the float network, or cosine where an output has one channel")
    with show_progress("ways to calibrate", transient=True) as on_progress:
        found: list[float] = []

        def on_setting(tried: Setting, value: float) -> None:
            say(f"equalize {tried.equalize}, observer {tried.observer}: {100 * value:.2f} %")
            found.append(value)
            on_progress(len(found), len(settings()))

        setting, best = search(source, images, judged, bits, on_setting, device)
    if args.retraining_iters:
        with show_progress("distillation", transient=True) as on_progress:
            trained = train_on(source, best, images, judged, args.retraining_iters, rate, device,
                               lambda done, _: on_progress(done, args.retraining_iters))
        better = trained.agreement > best.agreement
        say(f"{args.retraining_iters} iterations of distillation from the float network: {100 * trained.agreement:.2f} %"
            f"{'' if better else ', no gain: they are left out'}")
        best = trained if better else best
    path = save_dir / WINNER
    info = best.quantized.export(path, dtype="uint8" if args.uint8 else "float32")
    say(f"taken: equalize {setting.equalize}, observer {setting.observer}, {100 * best.agreement:.2f} %")
    for line in best.quantized.exactness(info):
        say(line)
    return deliver(source, path, held_out, threads)
