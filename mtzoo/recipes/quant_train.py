"""The main job: training in the four quantization steps, export, proof of equality, latency, report."""

from pathlib import Path

from mtzoo.console import PlainConsole
from mtzoo.engine.checks import check_integers
from mtzoo.engine.distributed import is_main, leave, run_console
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_of
from mtzoo.recipes.deploy_run import QuantTrainResult, deploy_run, export_stage
from mtzoo.recipes.start import Start, run_folder, run_stages


@follows_console
def quant_train(config: ConfigLike, out: str | Path | None = None, *, checkpoint: CheckpointLike | None = None,
                from_scratch: bool = False, ctx: str | None = None, resume: bool = False, pipeline_test: bool = False,
                command: str = "", console: PlainConsole | None = None) -> QuantTrainResult | None:
    """Train the network of a config in four quantization steps, and export, verify, evaluate and measure the integer network.

    Args:
        config: A config, the name of a shipped config, or a config file.
        out: The folder of the run. Default: `work_dirs/CONFIG`.
        checkpoint: Start from the weights of this float checkpoint, or of `zoo:NAME`. Default: `load_from` of the config.
        from_scratch: Start from random weights, although the config names others, or the zoo has some for a pipeline test.
        ctx: The devices, as for `train`.
        resume: Continue from the last checkpoint in `out`.
        pipeline_test: A short run of everything on the validation images.
        command: The command that the report shows. Default: the call of this function.
        console: Where progress is printed. Default: stdout.

    Returns:
        The result. None in the additional processes that torchrun starts.

    Raises:
        UserError: The config keeps a layer from being exact integers, `out` holds another run, or data cannot be read.
    """
    config = config_of(config)
    check_integers(config)
    out = run_folder(config, out, pipeline_test=pipeline_test, resume=resume)
    start = Start(None if checkpoint is None else find_checkpoint(checkpoint), from_scratch, resume, pipeline_test)
    try:
        run = run_stages(config, out, start, console or run_console(), float_only=False, ctx=ctx, on_stage_end=export_stage)
        return deploy_run(run, command or f"mtzoo.quant_train('{config.name}')") if is_main() else None
    finally:
        leave()
