"""What a training starts from, and its stages: shared by `train` and `quant_train`."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtzoo.config import ExperimentConfig, PipelineTest
from mtzoo.console import PlainConsole, note
from mtzoo.engine.distributed import is_main
from mtzoo.engine.resume import weights_of
from mtzoo.engine.run import Run, stages, start_run
from mtzoo.engine.train_stages import StageListener, train
from mtzoo.engine.work_dir import MARKER, read_marker
from mtzoo.locate import find_checkpoint
from mtzoo.locks import lock_folder
from mtzoo.recipes.adopt import adopt, adopt_checkpoint
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.output_folder import default_folder


@dataclass(frozen=True)
class Start:
    """checkpoint: a float checkpoint whose weights are the start; from_scratch: a pipeline test starts from random weights although
    its config names others; resume: go on from the last checkpoint of the folder; pipeline_test: everything, briefly, on the
    validation images."""

    checkpoint: Path | None = None
    from_scratch: bool = False
    resume: bool = False
    pipeline_test: bool = False


def run_stages(config: ExperimentConfig, out: Path, start: Start, console: PlainConsole, *, float_only: bool, ctx: str | None,
               on_stage_end: StageListener = lambda *_: None) -> Run:
    """Train the stages of the config's solver in `out`. The caller calls `distributed.leave` at the end."""
    config = adopted(config, out, start, console)
    say_folders(config, console, *(("val",) if start.pipeline_test else ("train", "val")))
    run = start_run(config, out, ctx=ctx, resume=start.resume, pipeline_test=start.pipeline_test, console=console)
    return train(run, stages(config, float_only=float_only), resume=start.resume, initialize=initializer(config, start),
                 on_stage_end=on_stage_end)


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
    marker, config = out / MARKER, _without_named_start(config, start)
    if start.resume and marker.is_file():
        return adopt(config, read_marker(marker).get("config", {}), marker, console)
    return config if start.checkpoint is None else adopt_checkpoint(config, start.checkpoint, console)


def _without_named_start(config: ExperimentConfig, start: Start) -> ExperimentConfig:
    """The config whose pipeline test starts from nothing but random weights, if that is asked for."""
    test = config.pipeline_test
    if not start.from_scratch:
        return config
    if is_main() and (not start.pipeline_test or test.load_from is None):
        note("--from-scratch changes nothing: without it this run would start from the same weights")
    return replace(config, pipeline_test=PipelineTest(test.iterations, test.batch_size))


def initializer(config: ExperimentConfig, start: Start) -> Callable[[Run], None] | None:
    """What gives the fresh network its weights: `checkpoint`, or in a pipeline test what the config names for one. None: they stay
    random."""
    named = config.pipeline_test.load_from if start.pipeline_test and start.checkpoint is None else None
    return weights_of(start.checkpoint) if named is None else weights_of(find_checkpoint(named), if_they_fit=True)
