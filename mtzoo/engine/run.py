"""A run: the four steps of quantized training, or the float phase alone; resumable anywhere."""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtzoo.compression import Sparsifier
from mtzoo.config import ExperimentConfig, Phase, PipelineTest
from mtzoo.console import PlainConsole
from mtzoo.engine.auxiliary import build_auxiliary
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_matching,
    load_network_state,
)
from mtzoo.engine.checkpoint import Progress as Position
from mtzoo.engine.checkpoint_values import StageRecord, restoring
from mtzoo.engine.device import use_bf16
from mtzoo.engine.distillation import build_distiller
from mtzoo.engine.distributed import copy_from_main, from_main, is_main, join, on_main, process_device, rank, world_size
from mtzoo.engine.evaluate import evaluate_shown, network_predictor
from mtzoo.engine.loggers import Loggers
from mtzoo.engine.loop import BatchStream, PhaseResult, PhaseState, train_phase
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.progress import Progress
from mtzoo.engine.stages import INTEGER_STEP, fold_for_step, network_at, quantization_of
from mtzoo.engine.training_data import training_set, training_sizes
from mtzoo.engine.validation import Validator, build_validator
from mtzoo.engine.work_dir import WorkDir
from mtzoo.errors import UserError, cut, shown
from mtzoo.layers import normalize_image
from mtzoo.machine import check_processes
from mtzoo.models import MultiTaskNet, start_from_published
from mtzoo.progress import format_seconds
from mtzoo.quantization import calibrate, is_prepared, prepare, set_fake_quant, set_observing
from mtzoo.signals import listening

PIPELINE_TEST_IMAGES = 8  # of each validation folder
SHOWN_TENSORS = 4
STOP_NOTICE = "stopping after this iteration; once more to stop at once, without a checkpoint"
FREEZE_OBSERVERS_AT = 0.5  # of the last quantized phase: then scales stay, and weights settle on their grids


class Stage(NamedTuple):
    """A stretch of training: its step, whether fake-quant is in, its phase."""

    step: int
    quantized: bool
    phase: Phase


@dataclass
class Run:
    """State of a run in memory. eval_limit: images of each validation folder; criterion: the losses, whose learnt balance lives
    through all stages; history: finished stages, oldest first; bad_images: those of its training set."""

    config: ExperimentConfig
    work_dir: WorkDir
    device: torch.device
    console: PlainConsole
    pipeline_test: bool
    eval_limit: int | None
    criterion: MultiTaskLoss
    loggers: Loggers
    net: MultiTaskNet | None = None
    history: list[StageRecord] = field(default_factory=list)
    bad_images: BadImages = field(default_factory=lambda: BadImages(0, 0.0))

    @property
    def bf16(self) -> bool:
        return use_bf16(self.config.env.amp, self.device)

    def stage_name(self, step: int, quantized: bool) -> str:
        return self.config.solver[step].prefix + ("" if quantized else "-float")

    def checkpoint(self, position: Position, phase: PhaseState | None = None) -> Checkpoint:
        """The present state as a checkpoint. phase: how far the optimizer is, None before and after a phase."""
        network = {k: v.detach().cpu() for k, v in self.net.state_dict().items()}
        training = {"criterion": self.criterion.state_dict(), "phase": vars(phase) if phase else None, "rng": torch.get_rng_state(),
                    "bad_images": self.bad_images.state(), "teacher": self.criterion.teacher}
        return Checkpoint(dict(self.config.resolved), position, network, training, [asdict(h) for h in self.history])


def stages(config: ExperimentConfig, float_only: bool) -> list[Stage]:
    """Every training stage of the solver, in order."""
    table = []
    for step, solver in enumerate(config.solver[:INTEGER_STEP]):
        if solver.float_phase:
            table.append(Stage(step, False, solver.float_phase))
        if solver.quant_phase and not float_only:
            table.append(Stage(step, True, solver.quant_phase))
    return table


def start_run(config: ExperimentConfig, work_dir: Path, *, ctx: str | None, resume: bool, console: PlainConsole,
              pipeline_test: bool = False, eval_limit: int | None = None, auxiliary: bool = True) -> Run:
    """Claim the work dir, seed everything, take the threads that the config gives. eval_limit: images of each validation
    folder that a stage is judged by; auxiliary: whether the config's auxiliary heads teach in float phases."""
    if config.env.threads:
        check_processes("env.threads", config.env.threads)
        torch.set_num_threads(config.env.threads)
    loggers = Loggers(config.env, config.name, work_dir, console)
    device = process_device(ctx or config.env.default_ctx)
    join(device)
    distiller, heads = build_distiller(config, device), build_auxiliary(config) if auxiliary else None
    folder = WorkDir(work_dir, config, config.env.keep_checkpoints)
    on_main(lambda: folder.claim(resume, pipeline_test))
    random.seed(config.env.seed)
    np.random.seed(config.env.seed)
    torch.manual_seed(config.env.seed)
    return Run(config, folder, device, console, pipeline_test, PIPELINE_TEST_IMAGES if pipeline_test else eval_limit,
               MultiTaskLoss(config, distiller, heads).to(device), loggers)


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
        run.net = network_at(config, 0, quantized=False)
        for line in start_from_published(run.net) if initialize is None else ():
            run.console.print(line)
        run.net.to(run.device)
        if initialize is not None:
            initialize(run)
    with closing(run.loggers):
        for step, quantized, phase in table:
            begun = position is not None and (step, quantized) == (position.step, position.quantized)
            if position is not None and ((step, quantized) < (position.step, position.quantized) or begun and position.done):
                continue
            phase = shortened(phase, config.pipeline_test) if run.pipeline_test else phase
            stream = BatchStream(config, dataset, phase.batch_size, run.bad_images, accumulated=phase.accumulate_grad_batches,
                                 rank=rank(), world_size=world_size(), pin_memory=run.device.type == "cuda", sizes=sizes)
            if begun:
                state = phase_state(*held)  # None: it was cut off before its first checkpoint
            else:
                state = None
                enter_stage(run, stream, step, quantized)
                run_start = run.checkpoint(Position(step, quantized, 0, False))
                path = run.work_dir.file(step, "init" if quantized else "float-init")
                on_main(lambda path=path, start=run_start: run.work_dir.save(path, start))
            run_stage(run, stream, step, quantized, phase, state)
            on_main(lambda step=step, quantized=quantized: on_stage_end(run, step, quantized))
    return run


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
        validator = build_validator(run.net, config, phase, stream.per_epoch, progress, run.device, run.eval_limit, stop)
        result = train_phase(run.net, run.criterion, phase, stream, progress, checkpoint_interval=config.env.checkpoint_interval,
                             device=run.device, bf16=run.bf16, sync_bn=config.env.sync_bn, resume=resume, validator=validator,
                             sparse_weights=sparsifier.weights.values() if sparsifier else (), before_step=before_step,
                             after_step=after_step, on_checkpoint=on_checkpoint, stop=stop)
    if quantized:
        set_observing(run.net, False)
    early = f", {total} were planned, no better validation in the last {validator.waited}" if result.iterations < total else ""
    run.console.print(f"{name}: {result.iterations} iterations in {format_seconds(result.seconds)}{early}, data wait "
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
                        "another --work-dir")
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


def enter_stage(run: Run, stream: BatchStream, step: int, quantized: bool) -> None:
    """Give the network the structure of the stage: quantizers calibrated on training batches, BN folded, auxiliary heads gone."""
    if not quantized:
        return
    run.criterion.auxiliary = None
    if not is_prepared(run.net):
        prepare(run.net, quantization_of(run.config))
        run.net.to(run.device)
    folded = [layer for earlier in range(1, step + 1) for layer in fold_for_step(run.net, run.config, earlier)]
    if folded:
        run.console.print(f"step {step}: folded the BN of {len(folded)} convolutions")
    batches = stream.start_at(0)
    count = run.config.env.calibration_batches if not run.pipeline_test else 2
    images = [normalize_image(next(batches).images.to(run.device)) for _ in range(count)]
    calibrate(run.net, images)
    set_observing(run.net, True)


def shortened(phase: Phase, short: PipelineTest) -> Phase:
    """The phase with the length and batch size of a pipeline test, and a learning rate of at most its own."""
    lr = phase.optimizer.lr if short.learning_rate is None else min(phase.optimizer.lr, short.learning_rate)
    return replace(phase, epochs=None, iterations=short.iterations, batch_size=short.batch_size, accumulate_grad_batches=1,
                   optimizer=replace(phase.optimizer, lr=lr))


def weights_of(path: Path | None, *, if_they_fit: bool = False) -> Callable[[Run], None] | None:
    """For `train`: start from a float checkpoint, of this network or of one that shares nodes with it. None: from noise.

    if_they_fit: those of another network are told and left, where they are an error otherwise.
    """

    def load(run: Run) -> None:
        state = load_checkpoint(path).network
        try:
            loaded, left = load_matching(run.net, state, path)
        except UserError as error:
            if not if_they_fit:
                raise
            run.console.print(f"{error}; starting from random weights")
            return
        names = [*map(cut, left[:SHOWN_TENSORS]), *["..."] * (len(left) > SHOWN_TENSORS)]
        run.console.print(f"{path}: {len(loaded)} tensors loaded, {len(left)} start anew{': ' if left else ''}{', '.join(names)}")

    return None if path is None else load


def restore(run: Run, path: Path, checkpoint: Checkpoint) -> None:
    """Rebuild the network at the checkpoint's point of the run, folds replayed.

    Raises UserError for a checkpoint without all that training needs, of an older version.
    """
    position, training = checkpoint.progress, checkpoint.training
    if missing := sorted({"criterion", "phase", "rng", "bad_images"} - training.keys()):
        raise UserError(f"{path}: training cannot go on from it, an older version wrote it without '{missing[0]}'; "
                        "start anew in another --work-dir")
    if training.get("teacher") != run.criterion.teacher:  # the path may differ, the file may not
        raise UserError(f"{run.config.distillation.teacher}: not the teacher that the run in {path.parent} has learnt from; resume "
                        "with the same file, or start anew in another --work-dir")
    run.net = network_at(run.config, position.step, position.quantized)
    load_network_state(run.net, checkpoint.network, path)
    if position.quantized:
        run.criterion.auxiliary = None
    with restoring(f"{path}: training.criterion"):
        run.criterion.load_state_dict(training["criterion"])
    with restoring(f"{path}: training.rng"):
        torch.set_rng_state(training["rng"])
    set_fake_quant(run.net, position.quantized)
    set_observing(run.net, position.quantized and not position.done)
    run.net.to(run.device)
    run.history = [StageRecord(**record) for record in checkpoint.history]
    run.console.print(f"resumed from {path}")


def phase_state(path: Path, checkpoint: Checkpoint) -> PhaseState | None:
    """How far the checkpoint's phase had come, None before its first iteration. Raises UserError for what cannot be."""
    saved = checkpoint.training["phase"]
    if not saved:
        return None
    with restoring(f"{path}: training.phase"):
        state = PhaseState(**saved)
    if state.iteration != checkpoint.progress.iteration:
        raise UserError(f"{path}: training.phase.iteration={shown(state.iteration)}, but progress.iteration="
                        f"{checkpoint.progress.iteration}; start from another checkpoint")
    return state
