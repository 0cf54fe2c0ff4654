"""Training a finished network on, as every compression tool does: the config's own phase, shortened and milder."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.console import PlainConsole
from mtzoo.engine.distributed import leave
from mtzoo.engine.run import Run, Stage, start_run
from mtzoo.engine.stages import FLOAT_STEP, FOLDED_STEP
from mtzoo.engine.train_stages import train
from mtzoo.errors import UserError

FLOAT_RATE = 0.25
"""Share of the float phase's learning rate: the network is trained already and only makes up for what it lost."""


@dataclass(frozen=True)
class Retraining:
    """The length of a training that continues from a checkpoint, and what differs from the config's phase.

    Attributes:
        iterations: The length in iterations. Give either this or `epochs`.
        batch_size: Images of an iteration. None: as in the config.
        learning_rate: The learning rate at the start. None: as in the config for fake-quant, a quarter of the config's in float.
        workers: Processes that read images. None: as in the config.
        epochs: The length in epochs.
        optimizer: Keys of the config's optimizer to override.
        schedule: A learning-rate schedule in place of the config's. None: as in the config.
        equalize: How channels are balanced before a training with fake-quant, as in `Corrections`. None: as in the config.
        bias_correction: Whether biases are corrected before it. None: as in the config.

    Raises:
        UserError: A value is impossible, or the length is missing or there twice.
    """

    iterations: int | None
    batch_size: int | None = None
    learning_rate: float | None = None
    workers: int | None = None
    epochs: float | None = None
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] | None = None
    equalize: str | None = None
    bias_correction: bool | None = None

    def __post_init__(self) -> None:
        if (self.iterations is None) == (self.epochs is None):
            raise UserError("the length of the training is missing; give --iters, e.g. 1000" if self.epochs is None else
                            f"iterations={self.iterations} and epochs={self.epochs}: two lengths of one training; give one of them")
        for option, value in (("--iters", self.iterations), ("--batch-size", self.batch_size)):
            if value is not None and value < 1:
                raise UserError(f"{option} {value}: must be at least 1")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise UserError(f"--learning-rate {self.learning_rate}: must lie between 0 and 1")
        if self.workers is not None and self.workers < 0:
            raise UserError(f"--workers {self.workers}: must be 0 or more")


def retraining_config(config: ExperimentConfig, retraining: Retraining, *, quantized: bool) -> ExperimentConfig:
    """The config with one phase of `retraining`: in float at step 0 with live BN, or quantized at step 2 with all BN folded.

    Everything stands in the config, so that a work dir knows whose run it holds.
    """
    values = deepcopy(dict(config.resolved))
    step, key = (FOLDED_STEP, "quant_phase") if quantized else (FLOAT_STEP, "float_phase")
    solver = dict(values["solver"][step])
    phase: dict[str, Any] = dict(solver.get(key) or {})
    for length in ("epochs", "iterations"):
        phase.pop(length, None)
        if getattr(retraining, length) is not None:
            phase[length] = getattr(retraining, length)
    schedule = dict(phase.get("schedule", {}) if retraining.schedule is None else retraining.schedule)
    if retraining.iterations is not None:
        schedule["warmup_iterations"] = min(schedule.get("warmup_iterations", 0), retraining.iterations // 10)
    phase["schedule"] = schedule
    phase["optimizer"] = {**phase.get("optimizer", {}), **retraining.optimizer}
    if retraining.batch_size is not None:
        phase["batch_size"] = retraining.batch_size
    if retraining.learning_rate is not None:
        phase["optimizer"]["lr"] = retraining.learning_rate
    elif not quantized and config.solver[FLOAT_STEP].float_phase:
        phase["optimizer"]["lr"] = FLOAT_RATE * config.solver[FLOAT_STEP].float_phase.optimizer.lr
    given = {"equalize": retraining.equalize, "biases": retraining.bias_correction}
    if given := {name: value for name, value in given.items() if value is not None}:
        phase["corrections"] = {**phase.get("corrections", {}), **given}
    values["solver"] = [*values["solver"][:step], {**solver, key: phase}, *values["solver"][step + 1:]]
    if retraining.workers is not None:
        values["env"] = {**values.get("env", {}), "workers": retraining.workers}
    return config_from_dict(values)


def retrain(config: ExperimentConfig, save_dir: Path, *, quantized: bool, initialize: Callable[[Run], None], console: PlainConsole,
            ctx: str | None = None, resume: bool = False, eval_limit: int | None = None) -> Run:
    """Run the one phase of a `retraining_config` in `save_dir`; the trained network stays in the run, on the CPU.

    Auxiliary heads have done their work: fresh ones would teach a trained network noise, so there are none.

    initialize: puts the weights to start from into `run.net`, a float network with live BN. Checkpoints are those of a
    training's step 0 (`<prefix>-float-last.pt`) or step 2 (`<prefix>-last.pt`), also for --resume.
    """
    step = FOLDED_STEP if quantized else FLOAT_STEP
    solver = config.solver[step]
    phase = solver.quant_phase if quantized else solver.float_phase
    run = start_run(config, save_dir, ctx=ctx, resume=resume, console=console, eval_limit=eval_limit, auxiliary=False)
    try:
        train(run, [Stage(step, quantized, phase)], resume=resume, initialize=initialize)
    finally:
        leave()
    run.net.cpu().eval()
    return run
