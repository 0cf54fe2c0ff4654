"""Training in float: the first phase of step 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtzoo.console import PlainConsole
from mtzoo.engine.distributed import leave, run_console
from mtzoo.engine.stages import FLOAT_STEP
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_of
from mtzoo.recipes.start import Start, run_folder, run_stages
from mtzoo.recipes.workspace import float_checkpoint


@dataclass(frozen=True)
class TrainResult:
    """out: the run's folder; checkpoint: the trained float network; metrics: of the validation images in percent, e.g. "seg/mIoU",
    NaN without ground truth (empty in the processes that torchrun adds)."""

    out: Path
    checkpoint: Path
    metrics: Mapping[str, float]


@follows_console
def train(config: ConfigLike, out: str | Path | None = None, *, checkpoint: CheckpointLike | None = None, from_scratch: bool = False,
          ctx: str | None = None, resume: bool = False, pipeline_test: bool = False,
          console: PlainConsole | None = None) -> TrainResult:
    """Train a config's network in float.

    out: the run's folder, default work_dirs/CONFIG; checkpoint: a float checkpoint or zoo:NAME to start from; ctx: "cpu", "0" or "0,1",
    default `env.default_ctx`; resume: go on from the last checkpoint in `out`; pipeline_test: a brief run on the validation images,
    from_scratch: which starts from random weights; console: where progress goes, default stdout.

    Raises UserError for a config without a float phase, a folder that holds another run, and data that cannot be read.
    """
    config = config_of(config)
    if config.solver[FLOAT_STEP].float_phase is None:
        raise UserError("solver[0] has no float_phase, which is what `train` runs; add one or use quant-train")
    out = run_folder(config, out, pipeline_test=pipeline_test, resume=resume)
    start = Start(None if checkpoint is None else find_checkpoint(checkpoint), from_scratch, resume, pipeline_test)
    try:
        run = run_stages(config, out, start, console or run_console(), float_only=True, ctx=ctx)
    finally:
        leave()
    metrics = run.history[-1].metrics if run.history else {}
    return TrainResult(out, float_checkpoint(config, out), metrics)
