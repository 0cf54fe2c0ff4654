"""Training the stages of a run, one after the other; resumable anywhere."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from mtzoo.compression import Sparsifier, quantize
from mtzoo.config import Phase, PipelineTest
from mtzoo.console import numbered
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.checkpoint import Progress as Position
from mtzoo.engine.checkpoint import load_checkpoint, load_network_state
from mtzoo.engine.checkpoint_values import StageRecord, restoring
from mtzoo.engine.distributed import copy_from_main, from_main, is_main, on_main, rank, share_of_batch, world_size
from mtzoo.engine.evaluate import evaluate_shown, network_predictor
from mtzoo.engine.loop import BatchStream, PhaseResult, PhaseState, train_phase
from mtzoo.engine.progress import Progress
from mtzoo.engine.resume import phase_state, restore
from mtzoo.engine.run import Run, Stage
from mtzoo.engine.stages import FLOAT_STEP, INTEGER_STEP, fold_for_step, network_at, quantization_of
from mtzoo.engine.training_data import training_set, training_sizes
from mtzoo.engine.validation import Validator, build_validator
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.models import start_from_published
from mtzoo.progress import format_seconds
from mtzoo.quantization import calibrate, is_prepared, set_observing
from mtzoo.settings.post_training import Corrections
from mtzoo.signals import listening

STOP_NOTICE = "stopping after this iteration; once more to stop at once, without a checkpoint"
FREEZE_OBSERVERS_AT = 0.5  # of the last quantized phase: then scales stay, and weights settle on their grids

StageListener = Callable[["Run", int, bool], None]
"""Called with (run, step, quantized) when a stage is trained and evaluated."""


def train(run: Run, table: Sequence[Stage], *, resume: bool, initialize: Callable[[Run], None] | None = None,
          on_stage_end: StageListener = lambda *_: None) -> Run:
    """Train the stages of `table`, or those that an interrupted run has left; the last one's network stays in `run.net`.

    initialize: gives the fresh float network in `run.net` the weights that it starts from, in place of published ones; a resumed run
    has its own.
    """
    config = run.config
    held = run.work_dir.latest() if resume else None
    if resume and held is None:
        run.console.print(f"{run.work_dir.path}: no checkpoint to go on from, the run starts anew")
    sizes = training_sizes(config)
    dataset = training_set(config, sizes, run.console, of_validation=run.pipeline_test)
    run.bad_images = BadImages(len(dataset), config.env.max_bad_images)
    position = None
    if held is not None:
        restore(run, *held)
        with restoring(f"{held[0]}: training.bad_images"):
            run.bad_images.load_state(held[1].training["bad_images"], dataset.still_bad)
        position = held[1].progress
        if position.done:  # it may have been cut off before its listener was through
            on_main(lambda: on_stage_end(run, position.step, position.quantized))
    else:
        begin(run, initialize)
    if run.pipeline_test:
        table = [stage._replace(phase=shortened(stage.phase, config.pipeline_test)) for stage in table]
    shares = [share_of_batch(phase.batch_size, run.processes) for _, _, phase in table]
    with closing(run.loggers):
        for (step, quantized, phase), share in zip(table, shares):
            begun = position is not None and (step, quantized) == (position.step, position.quantized)
            if position is not None and ((step, quantized) < (position.step, position.quantized) or begun and position.done):
                continue
            stream = BatchStream(config, dataset, share, run.bad_images, accumulated=phase.accumulate_grad_batches,
                                 rank=rank(), world_size=world_size(), pin_memory=run.device.type == "cuda", sizes=sizes)
            if begun:
                state = phase_state(*held)  # None: it was cut off before its first checkpoint
            else:
                state = None
                enter_stage(run, stream, Stage(step, quantized, phase))
                run_start = run.checkpoint(Position(step, quantized, 0, False))
                path = run.work_dir.file(step, "init" if quantized else "float-init")
                on_main(lambda path=path, start=run_start: run.work_dir.save(path, start))
            run_stage(run, stream, step, quantized, phase, state)
            on_main(lambda step=step, quantized=quantized: on_stage_end(run, step, quantized))
    return run


def begin(run: Run, initialize: Callable[[Run], None] | None) -> None:
    """A fresh float network in `run.net`, with published weights or those that `initialize` gives."""
    run.net = network_at(run.config, 0, quantized=False)
    for line in start_from_published(run.net) if initialize is None else ():
        run.console.print(line)
    run.net.to(run.device)
    if initialize is not None:
        initialize(run)


def run_stage(run: Run, stream: BatchStream, step: int, quantized: bool, phase: Phase, resume: PhaseState | None) -> None:
    """Train and evaluate one stage, write its numbered checkpoints, `-best` and `-last`."""
    config, name = run.config, run.stage_name(step, quantized)
    total = stream.iterations(phase)
    progress = Progress(name, total, config.env.log_interval, run.loggers.of_stage(name) if is_main() else (), run.console,
                        resume.iteration if resume else 0, stream.per_epoch)
    sparsifier = Sparsifier(run.net, config.sparsity, total) if config.sparsity else None
    freeze_after = FREEZE_OBSERVERS_AT * total if quantized and step == INTEGER_STEP - 1 else total
    best_path = run.work_dir.file(step, "best" if quantized else "float-best")

    def before_step(iteration: int) -> None:
        if quantized and iteration > freeze_after:
            set_observing(run.net, False)

    def after_step(iteration: int) -> None:
        if sparsifier is not None:
            sparsifier.after_step(iteration)

    def on_checkpoint(state: PhaseState, best: bool) -> Path | None:
        checkpoint = run.checkpoint(Position(step, quantized, state.iteration, False), state)
        path = on_main(lambda: run.work_dir.save(best_path, checkpoint) if best else run.work_dir.save_numbered(checkpoint))
        run.console.print(f"saved {path}")
        return path

    with listening(STOP_NOTICE if is_main() else "") as stop:
        validator = build_validator(run.net, config, phase, stream.per_epoch, progress, run.device, run.eval_limit, stop,
                                    pipeline_test=run.pipeline_test)
        result = train_phase(run.net, run.criterion, phase, stream, progress, checkpoint_interval=config.env.checkpoint_interval,
                             device=run.device, bf16=run.bf16, sync_bn=config.env.sync_bn, learn_statistics=step == FLOAT_STEP,
                             resume=resume, validator=validator, sparse_weights=sparsifier.weights.values() if sparsifier else (),
                             before_step=before_step, after_step=after_step, on_checkpoint=on_checkpoint, stop=stop)
    if quantized:
        set_observing(run.net, False)
    early = f", {total} were planned, no better validation in the last {validator.waited}" if result.iterations < total else ""
    run.console.print(f"{name}: {numbered(result.iterations, 'iteration')} in {format_seconds(result.seconds)}{early}, data wait "
                      f"{100 * result.data_wait:.1f}%; evaluating")
    if sparsifier is not None:
        run.console.print(f"{name}: {sparsifier.summary()}")
    if summary := run.bad_images.summary():
        run.console.print(f"{name}: {summary}")
    finish_stage(run, name, result, Position(step, quantized, result.iterations, True), validator, best_path)


def take_best(run: Run, path: Path, iteration: int) -> None:
    """Give the network the weights of the best validation. Raises UserError if its checkpoint is gone, or another one."""
    best = load_checkpoint(path)
    if best.progress.iteration != iteration:
        raise UserError(f"{path}: of iteration {best.progress.iteration}, the best validation was at {iteration}; train anew in "
                        "another --out")
    load_network_state(run.net, best.network, path)
    run.console.print(f"goes on with the best weights, those of iteration {iteration}: {path}")


def finish_stage(run: Run, name: str, result: PhaseResult, position: Position, validator: Validator | None, best_path: Path) -> None:
    """Take the best weights where the phase ends with them, evaluate them, if no validation has, and write the stage's `-last`.

    The main process knows what was best, and gives its weights to the others.
    """
    known = on_main(lambda: take_kept(run, result, validator, best_path))
    copy_from_main(run.net)
    run.net.eval()
    metrics = from_main(known)
    if metrics is None:
        predict = network_predictor(run.net, run.config, run.device)
        metrics = evaluate_shown(f"{name}: evaluating", predict, run.config, limit=run.eval_limit, spread=True)
    validation = validator.curve if validator else []
    run.history.append(StageRecord(name, metrics, result.curve, result.seconds, result.data_wait, validation))
    path = run.work_dir.file(position.step, "last" if position.quantized else "float-last")
    on_main(lambda: run.work_dir.save(path, run.checkpoint(position)))


def take_kept(run: Run, result: PhaseResult, validator: Validator | None, best_path: Path) -> dict[str, float] | None:
    """Give the network the weights that the phase ends with; their metrics, if a validation has measured them on all images."""
    kept = validator.kept(result.iterations) if validator else result.iterations
    if kept != result.iterations:
        take_best(run, best_path, kept)
    return validator.metrics_at(kept) if validator else None


def enter_stage(run: Run, stream: BatchStream, stage: Stage) -> None:
    """Give the network the structure of the stage: quantizers calibrated on training batches, BN folded, auxiliary heads gone."""
    if not stage.quantized:
        return
    run.criterion.auxiliary = None
    folded = [layer for earlier in range(1, stage.step + 1) for layer in fold_for_step(run.net, run.config, earlier)]
    if folded:
        run.console.print(f"step {stage.step}: folded the BN of {len(folded)} convolutions")
    batches = stream.start_at(0)
    count = run.config.env.calibration_batches if not run.pipeline_test else 2
    images = [normalize_image(next(batches).images.to(run.device)) for _ in range(count)]
    corrections = stage.phase.corrections
    if not is_prepared(run.net):
        run.net = quantize(run.net, quantization_of(run.config), images, corrections).to(run.device)
    else:
        if corrections != Corrections():
            run.console.print(f"solver.{stage.step}.quant_phase.corrections are left out: the network has learned to round already")
        calibrate(run.net, images)
    set_observing(run.net, True)


def shortened(phase: Phase, short: PipelineTest) -> Phase:
    """The phase with the length and batch size of a pipeline test, and a learning rate of at most its own."""
    lr = phase.optimizer.lr if short.learning_rate is None else min(phase.optimizer.lr, short.learning_rate)
    return replace(phase, epochs=None, iterations=short.iterations, batch_size=short.batch_size, accumulate_grad_batches=1,
                   optimizer=replace(phase.optimizer, lr=lr))
