"""A float checkpoint compressed for a target, by a search among candidates or as a strategy file says."""

from dataclasses import replace
from pathlib import Path

from mtzoo.console import PlainConsole
from mtzoo.engine.compress_state import STATE
from mtzoo.engine.device import single_device
from mtzoo.engine.distributed import run_console
from mtzoo.engine.pruning_record import RECORD
from mtzoo.engine.ptq import load_float_network
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.compress.files import config_of_files, read_files, retraining_of, target_of
from mtzoo.recipes.compress.search import CompressResult, search_candidates, search_of
from mtzoo.recipes.compress.strategy import FOLDERS, Work, apply_strategy
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.exported import Compressed
from mtzoo.recipes.output_folder import claim_folder, default_folder, note_new_run
from mtzoo.recipes.workspace import Workspace
from mtzoo.settings.target import Target, Training

ON_HOST = Target()
NO_TRAINING_SAID = Training()


@follows_console
def compress(checkpoint: CheckpointLike, config: ConfigLike | None = None, out: str | Path | None = None, *, target: Target = ON_HOST,
             training: Training = NO_TRAINING_SAID, strategy_config: str | Path | None = None,
             dataset_config: str | Path | None = None, calib_images: int | None = None, resume: bool = False, limit: int | None = None,
             threads: int = 2, bench: bool = True, console: PlainConsole | None = None) -> CompressResult | Compressed:
    """Compress a float checkpoint for a target: rank candidates by latency, train the best ones, keep the fastest good one.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The output folder, new or empty. Default: `work_dirs/CONFIG-compress`.
        target: The hardware, the wanted speed, and the accuracy that may be lost.
        training: How candidates are trained.
        strategy_config: A YAML file of PaddleSlim's automatic compression. If it names methods, exactly these are applied, and there is
            no search.
        dataset_config: The YAML file of the data set that belongs to it.
        calib_images: The number of training images on which ranges are observed. Default: 64, or all if there are fewer.
        resume: Continue an interrupted search.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: CPU threads of latency measurements.
        bench: With a strategy that names methods: measure the latency of the result.
        console: Where progress and tables are printed. Default: stdout.

    Returns:
        The result of the search, or `Compressed` for a strategy that names methods.

    Raises:
        UserError: Options do not go together, or the length of the training is missing.
    """
    path, console = find_checkpoint(checkpoint), console or run_console()
    files = [None if file is None else Path(file) for file in (strategy_config, dataset_config)]
    strategy, dataset = read_files(*files)
    target = target_of(target, training, strategy)
    retraining = retraining_of(training, strategy, dataset)
    config = config_of_files(adopt_checkpoint(config_for(path, config), path, console), strategy, dataset)
    out = default_folder(config, "compress") if out is None else Path(out)
    records = {STATE, RECORD, *FOLDERS}
    if resume:
        note_new_run(out, records)
    workspace = Workspace(config, out, limit, threads, console, device=single_device(training.ctx or config.env.default_ctx))
    task = search_of(workspace, path, target, retraining, calib_images=calib_images, ctx=training.ctx, resume=resume)
    say_folders(config, console, "train", "val")
    _lock = claim_folder(out, "--out", None if resume else (), records)
    if strategy is None or not strategy.names_methods:
        return search_candidates(task)
    named = (strategy.distillation or {}).get("teacher")
    teacher = training.distill_from or (Path(named) if named else path)
    work = Work(replace(workspace, threads=threads if bench else None), strategy, path, teacher, retraining, training.ctx,
                calib_images or strategy.calibration_images)
    return apply_strategy(work, load_float_network(config, path))
