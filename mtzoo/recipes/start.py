"""What a training starts from, and its stages: shared by `train` and `quant_train`."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole, note
from mtzoo.engine.distributed import is_main
from mtzoo.engine.resume import weights_of
from mtzoo.engine.run import Run, stages, start_run
from mtzoo.engine.train_stages import StageListener, train
from mtzoo.engine.work_dir import MARKER, read_marker
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint
from mtzoo.locks import lock_folder
from mtzoo.recipes.adopt import adopt, adopt_checkpoint
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.output_folder import default_folder
from mtzoo.recipes.zoo_start import zoo_start

WARM_LEARNING_RATE = 2e-5
"""Of a pipeline test from trained weights, which a few iterations at the rate of a whole training would spoil."""


@dataclass(frozen=True)
class Start:
    """checkpoint: a float checkpoint whose weights are the start, in place of those that the config names; from_scratch: random weights
    are, although there are others; resume: go on from the last checkpoint of the folder; pipeline_test: everything, briefly, on the
    validation images."""

    checkpoint: Path | None = None
    from_scratch: bool = False
    resume: bool = False
    pipeline_test: bool = False


def run_stages(config: ExperimentConfig, out: Path, start: Start, console: PlainConsole, *, float_only: bool, ctx: str | None,
               on_stage_end: StageListener = lambda *_: None) -> Run:
    """Train the stages of the config's solver in `out`. The caller calls `distributed.leave` at the end."""
    given = start.checkpoint is not None
    start = chosen(config, start, console)
    config = with_slow_test(adopted(config, out, start, console), start)
    say_folders(config, console, *(("val",) if start.pipeline_test else ("train", "val")))
    run = start_run(config, out, ctx=ctx, resume=start.resume, pipeline_test=start.pipeline_test, console=console)
    return train(run, stages(config, float_only=float_only), resume=start.resume,
                 initialize=weights_of(start.checkpoint, if_they_fit=start.pipeline_test and not given), on_stage_end=on_stage_end)


def run_folder(config: ExperimentConfig, out: str | Path | None, *, pipeline_test: bool, resume: bool,
               tasks: Sequence[str] = ()) -> Path:
    """`out`, or work_dirs/<config>[-<tasks>][-pipeline-test].

    A pipeline test in its own default folder takes the place of the one before: it is run again and again.
    """
    if out is not None:
        return Path(out)
    folder = default_folder(config, "+".join(tasks), "pipeline-test" if pipeline_test else "")
    if pipeline_test and not resume and (folder / MARKER).is_file() and is_main():
        with lock_folder(folder, "name another --out"):
            shutil.rmtree(folder)
    return folder


def adopted(config: ExperimentConfig, out: Path, start: Start, console: PlainConsole) -> ExperimentConfig:
    """The config with the channel plan of the run that `resume` goes on with, or of the checkpoint that it starts from."""
    marker = out / MARKER
    if start.resume and marker.is_file():
        return adopt(config, read_marker(marker).get("config", {}), marker, console)
    return config if start.checkpoint is None else adopt_checkpoint(config, start.checkpoint, console)


def chosen(config: ExperimentConfig, start: Start, console: PlainConsole) -> Start:
    """The start with the checkpoint that it comes to: the one given, else in a pipeline test that of its own, else the config's, and
    for a pipeline test without any what the zoo has. Raises UserError for one that is given although none is to be."""
    named = (config.pipeline_test.load_from if start.pipeline_test else None) or config.load_from
    if start.from_scratch:
        if start.checkpoint is not None:
            raise UserError("--checkpoint and --from-scratch: the start is one or the other; leave one of them out")
        if is_main() and not start.pipeline_test and named is None:
            note("--from-scratch changes nothing: without it this run would start from the same weights")
        return start
    if start.checkpoint is not None:
        return start
    if start.pipeline_test and named is None:
        named = zoo_start(config)
        if named is None:
            console.print("the zoo has no float weights for this config: the pipeline test starts from random ones")
    return start if named is None else replace(start, checkpoint=find_checkpoint(named))


def with_slow_test(config: ExperimentConfig, start: Start) -> ExperimentConfig:
    """The config whose pipeline test leaves trained weights what they are; its learning rate is not for random ones."""
    rate = config.pipeline_test.learning_rate
    if start.checkpoint is not None:
        rate = rate or WARM_LEARNING_RATE
    elif start.from_scratch:
        rate = None
    return replace(config, pipeline_test=replace(config.pipeline_test, learning_rate=rate))
