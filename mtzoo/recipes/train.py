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
    """What `train` returns.

    Attributes:
        out: The folder of the run.
        checkpoint: The trained float network.
        metrics: Metrics of the validation images in percent, e.g. `{"seg/mIoU": 57.5}`. NaN without ground truth. Empty in the
            additional processes that torchrun starts.
    """

    out: Path
    checkpoint: Path
    metrics: Mapping[str, float]


@follows_console
def train(config: ConfigLike, out: str | Path | None = None, *, checkpoint: CheckpointLike | None = None, from_scratch: bool = False,
          ctx: str | None = None, resume: bool = False, pipeline_test: bool = False,
          console: PlainConsole | None = None) -> TrainResult:
    """Train the network of a config in float: the float phase of step 0.

    Args:
        config: A config, the name of a shipped config, or a config file.
        out: The folder of the run. Default: `work_dirs/CONFIG`.
        checkpoint: Start from the weights of this float checkpoint, or of `zoo:NAME`. Tensors are matched by name and shape; all
            others are initialised anew. Default: `load_from` of the config.
        from_scratch: Start from random weights, although the config names others, or the zoo has some for a pipeline test.
        ctx: The devices: `"cpu"`, `"0"`, or `"auto"` (a GPU if there is one). For several devices, start your script with torchrun
            and name them all, e.g. `"0,1"`. Default: `env.default_ctx`.
        resume: Continue from the last checkpoint in `out`.
        pipeline_test: A short run on the validation images.
        console: Where progress is printed. Default: stdout.

    Raises:
        UserError: The config has no float phase, `out` holds another run, or data cannot be read.
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
