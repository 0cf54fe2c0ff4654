"""The state of a run, in memory and as a checkpoint: the four steps of quantized training, or the float phase alone."""

import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtzoo.config import ExperimentConfig, Phase
from mtzoo.console import PlainConsole
from mtzoo.engine.auxiliary import build_auxiliary
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.checkpoint import Checkpoint
from mtzoo.engine.checkpoint import Progress as Position
from mtzoo.engine.checkpoint_values import StageRecord
from mtzoo.engine.device import use_bf16
from mtzoo.engine.distillation import build_distiller
from mtzoo.engine.distributed import join, on_main, process_device, world_size
from mtzoo.engine.loggers import Loggers
from mtzoo.engine.loop import PhaseState
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.stages import INTEGER_STEP
from mtzoo.engine.work_dir import WorkDir
from mtzoo.machine import check_processes
from mtzoo.models import MultiTaskNet

PIPELINE_TEST_IMAGES = 8  # of each validation folder


class Stage(NamedTuple):
    """A stretch of training: its step, whether fake-quant is in, its phase."""

    step: int
    quantized: bool
    phase: Phase


@dataclass
class Run:
    """State of a run in memory. eval_limit: images of each validation folder; criterion: the losses, whose learnt balance lives
    through all stages; history: finished stages, oldest first; bad_images: those of its training set; processes: so many take a phase's
    batch_size each, those of its first start: a run that goes on with others shares the same batches among them."""

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
    processes: int = field(default_factory=world_size)

    @property
    def bf16(self) -> bool:
        return use_bf16(self.config.env.amp, self.device)

    def stage_name(self, step: int, quantized: bool) -> str:
        return self.config.solver[step].prefix + ("" if quantized else "-float")

    def checkpoint(self, position: Position, phase: PhaseState | None = None) -> Checkpoint:
        """The present state as a checkpoint. phase: how far the optimizer is, None before and after a phase."""
        network = {k: v.detach().cpu() for k, v in self.net.state_dict().items()}
        training = {"criterion": self.criterion.state_dict(), "phase": vars(phase) if phase else None, "rng": torch.get_rng_state(),
                    "bad_images": self.bad_images.state(), "teacher": self.criterion.teacher, "processes": self.processes}
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
