"""Arguments that several verbs share, and what they turn into."""

import argparse
import ast
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mtzoo.cli.inputs import note_idle_overrides
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.other_names import add_idle_options, add_run_options
from mtzoo.cli.outputs import output_folder
from mtzoo.config import ExperimentConfig, PipelineTest, config_from_dict
from mtzoo.config.channels import adopt_channels
from mtzoo.config.load import read_config
from mtzoo.config.overrides import override, select_tasks
from mtzoo.console import PlainConsole, note
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.checks import check_network
from mtzoo.engine.device import single_device
from mtzoo.engine.distributed import is_main, was_restarted
from mtzoo.engine.ptq import with_spared_layers
from mtzoo.engine.retraining import Retraining
from mtzoo.engine.run import Run, weights_of
from mtzoo.engine.work_dir import MARKER, read_marker
from mtzoo.errors import UserError, cut
from mtzoo.locate import find_checkpoint, find_config
from mtzoo.locks import lock_folder
from mtzoo.models.channel_plan import GONE
from mtzoo.quantization.other_names import own_pattern


def add_config_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """--config, --tasks and --cfg-options."""
    parser.add_argument("--config", "--cfg", required=required, metavar="FILE", help="a config file, or a shipped one's name")
    add_config_options(parser)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """--tasks and --cfg-options."""
    parser.add_argument("--tasks", type=_task_names, default=[], metavar="A,B", help="keep only these tasks")
    add_override_argument(parser, "the config, e.g. env.workers=4 solver.0.float_phase.epochs=2")
    parser.set_defaults(distill_from=None, config_keys={})  # of verbs without such options


def add_override_argument(parser: argparse.ArgumentParser, of: str) -> None:
    """--cfg-options. of: whose keys, for the help."""
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help=f"override keys of {of}")


def config_from_arguments(args: argparse.Namespace, more: Mapping[str, Any] = MappingProxyType({})) -> ExperimentConfig:
    """The resolved config that the arguments ask for; its network can be built, quantized and folded.

    more: keys of the config that the verb's own options set, after --cfg-options.
    """
    path = find_config(args.config)
    options, own = parse_options(args.cfg_options), {**args.config_keys, **more}
    if args.distill_from is not None:
        own["distillation.teacher"] = str(args.distill_from)
    values = read_config(path)
    try:
        config = config_from_dict(select_tasks(override(values, {**options, **own}), args.tasks))
        check_network(config)
        note_idle_overrides(override(values, own), {k: v for k, v in options.items() if k not in own}, args.tasks)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return config


def adopt_for_training(config: ExperimentConfig, args: argparse.Namespace, work_dir: Path, console: PlainConsole) -> ExperimentConfig:
    """The config with the channel plan of the run that --resume goes on with, or of the checkpoint that --load-from names, and without
    the start of its pipeline test if --from-scratch says so."""
    marker, config = work_dir / MARKER, adopt_start(config, args)
    if args.resume and marker.is_file():
        return _adopt(config, read_marker(marker).get("config", {}), marker, console)
    return config if args.load_from is None else adopt_checkpoint(config, args.load_from, console)


def adopt_start(config: ExperimentConfig, args: argparse.Namespace) -> ExperimentConfig:
    """The config whose pipeline test starts from nothing but random weights, if --from-scratch asks for that."""
    test = config.pipeline_test
    if not args.from_scratch:
        return config
    if is_main() and (not args.pipeline_test or test.load_from is None):
        note("--from-scratch changes nothing: without it this run would start from the same weights")
    return replace(config, pipeline_test=PipelineTest(test.iterations, test.batch_size))


def start_of(config: ExperimentConfig, args: argparse.Namespace) -> Callable[[Run], None] | None:
    """What gives the fresh network its weights: --load-from, or in a pipeline test what the config names for one. None: they stay
    random."""
    named = config.pipeline_test.load_from if args.pipeline_test and args.load_from is None else None
    return weights_of(args.load_from) if named is None else weights_of(find_checkpoint(named), if_they_fit=True)


def adopt_checkpoint(config: ExperimentConfig, path: Path, console: PlainConsole) -> ExperimentConfig:
    """The config with the channel plan and the sparsity of a checkpoint that is to be loaded; any other leaves it as it is."""
    return _adopt(config, load_checkpoint(path).config, path, console)


def _adopt(config: ExperimentConfig, held: Mapping[str, Any], path: Path, console: PlainConsole) -> ExperimentConfig:
    adopted = adopt_channels(config, held, path)
    if adopted is not config:
        gone = sum(channels == GONE for channels in adopted.channels.values())
        blocks = f" and {gone} blocks are gone" if gone else ""
        console.print(f"{path}: a pruned network, {len(adopted.channels) - gone} layers are narrower than the config says{blocks}")
    if adopted.sparsity is None and held.get("sparsity"):
        adopted = config_from_dict({**adopted.resolved, "sparsity": held["sparsity"]})
        console.print(f"{path}: a sparse network, its zeros are kept")
    return adopted


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """["a.b=1", "c=[2,3]", "d=text"] -> {"a.b": 1, "c": [2, 3], "d": "text"}. Raises UserError for a key that is there twice."""
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise UserError(f"--cfg-options {cut(pair)}: KEY=VALUE is wanted")
        if key in options:
            raise UserError(f"--cfg-options {cut(key)}: given twice; keep one of them")
        try:
            options[key] = _value(text)
        except (MemoryError, RecursionError):
            raise UserError(f"--cfg-options {cut(pair)}: nested too deep for a value that is meant") from None
    return options


def add_model_path_argument(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """--model-path, of the tools that take a trained network."""
    parser.add_argument("--model-path", type=find_checkpoint, required=required, metavar="CKPT",
                        help="a float checkpoint of this network, or zoo:NAME")


def add_distillation_argument(parser: argparse.ArgumentParser) -> None:
    """--distill-from, for every verb that trains. Call it after `add_config_options`."""
    parser.add_argument("--distill-from", type=find_checkpoint, metavar="CKPT",
                        help="learn from this network's answers, too: distillation.teacher of the config")


def add_ctx_argument(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """--ctx. several: whether the verb's `run` is one of `in_processes_of_ctx`."""
    if several:
        parser.add_argument("--ctx", metavar="cpu|cpu:N|0|0,1",
                            help="devices: a process for each GPU, or N of them on the CPU; default env.default_ctx")
    else:
        parser.add_argument("--ctx", type=_one_device, metavar="cpu|0", help="device; default env.default_ctx")


def add_training_arguments(parser: argparse.ArgumentParser, *, config_required: bool = True) -> None:
    """What `train` and `quant-train` share."""
    add_config_arguments(parser, required=config_required)
    add_distillation_argument(parser)
    parser.add_argument("--work-dir", "--save-dir", type=output_folder("--work-dir"), metavar="DIR",
                        help="where the run is kept; default work_dirs/CONFIG")
    add_ctx_argument(parser)
    parser.add_argument("--resume", action="store_true", default=was_restarted(), help="go on from the last checkpoint")
    parser.add_argument("--load-from", type=find_checkpoint, metavar="CKPT",
                        help="start from the weights of a float checkpoint, or of zoo:NAME")
    parser.add_argument("--pipeline-test", action="store_true", help="everything, briefly, on the validation set; starts from "
                        "pipeline_test.load_from of the config, if it names weights")
    parser.add_argument("--from-scratch", action="store_true", help="a pipeline test that starts from random weights all the same")
    add_run_options(parser)
    add_idle_options(parser)


def add_retraining_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """What the tools share that train a finished network on."""
    parser.add_argument("--retraining-iters", type=at_least(1, "--retraining-iters"), metavar="N", required=required,
                        help="iterations")
    parser.add_argument("--batch-size", type=at_least(1, "--batch-size"), metavar="N", help="default: that of the config's phase")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help="at the start; default: from the config's phase")
    parser.add_argument("--num-workers", type=processes("--num-workers", 0), metavar="N",
                        help="processes that read images; default env.workers")
    add_distillation_argument(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the save dir")
    add_idle_options(parser)


def retraining_from_arguments(args: argparse.Namespace) -> Retraining:
    """Raises UserError for numbers that cannot be."""
    return Retraining(args.retraining_iters, args.batch_size, args.learning_rate, args.num_workers)


def add_float_layers_argument(parser: argparse.ArgumentParser) -> None:
    """--not-quant-pattern, for verbs that also make networks which are not integers throughout."""
    parser.add_argument("--not-quant-pattern", nargs="+", action="extend", default=[], metavar="NAME",
                        help="layers whose names contain NAME, or match it as a pattern, stay in float, as well as those of the config")


def with_float_layers(config: ExperimentConfig, args: argparse.Namespace) -> ExperimentConfig:
    """The config with the layers that --not-quant-pattern names left in float."""
    return with_spared_layers(config, [own_pattern(name) for name in args.not_quant_pattern], "float")


def add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    """How the result is compared with its base."""
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--no-bench", dest="bench", action="store_false", help="measure no latency: that needs a quiet machine")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads of the latency measurement (2)")


def measuring_from_arguments(args: argparse.Namespace) -> tuple[int | None, int | None]:
    """(images of each validation folder, threads of the latency measurement or None)."""
    return args.limit, args.threads if args.bench else None


def save_dir_from_arguments(config: ExperimentConfig, args: argparse.Namespace, verb: str) -> Path:
    """--save-dir, or work_dirs/<config>[-<tasks>]-<verb>."""
    return args.save_dir or _named_dir(config, args.tasks, verb)


def work_dir_from_arguments(config: ExperimentConfig, args: argparse.Namespace) -> Path:
    """--work-dir, or work_dirs/<config>, with a suffix for a pipeline test and for single tasks.

    A pipeline test in its own default folder takes the place of the one before: it is run again and again.
    """
    if args.work_dir is not None:
        return args.work_dir
    work_dir = default_work_dir(config, args)
    if args.pipeline_test and not args.resume and (work_dir / MARKER).is_file() and is_main():
        with lock_folder(work_dir, "name a --work-dir"):
            shutil.rmtree(work_dir)
    return work_dir


def run_console() -> PlainConsole:
    """Where a run speaks: nowhere in the processes that torchrun adds; a log file has no width to break lines at."""
    return PlainConsole(quiet=not is_main())


def default_work_dir(config: ExperimentConfig, args: argparse.Namespace) -> Path:
    """work_dirs/<config>[-<tasks>][-pipeline-test]."""
    return _named_dir(config, args.tasks, "pipeline-test" if args.pipeline_test else "")


def _one_device(ctx: str) -> str:
    single_device(ctx)
    return ctx


def _named_dir(config: ExperimentConfig, tasks: Sequence[str], suffix: str) -> Path:
    parts = [config.name.replace("/", "-"), "+".join(tasks), suffix]
    return Path("work_dirs") / "-".join(part for part in parts if part)


def _task_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"--tasks '{cut(text)}': names of tasks with commas between are wanted, e.g. det_person,seg_lane")
    return names


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
