"""Arguments that several verbs share, and what they turn into."""

import argparse
import ast
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtzoo.cli.idle import note_idle
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.other_names import add_idle_options, add_run_options
from mtzoo.cli.outputs import output_folder
from mtzoo.cli.parser import Parser
from mtzoo.errors import UserError, cut
from mtzoo.locate import find_checkpoint, find_config
from mtzoo.recipes.output_folder import default_folder
from mtzoo.settings.post_training import EQUALIZE

if TYPE_CHECKING:  # imported in the functions that need it: help, and tools that read no config, should not wait for torch
    from mtzoo.config import ExperimentConfig
    from mtzoo.engine.retraining import Retraining
    from mtzoo.models import MultiTaskNet


def add_config_arguments(parser: Parser, *, required: bool = True, in_checkpoint: bool = False) -> None:
    """--config, --tasks and --cfg-options. in_checkpoint: --checkpoint is required and brings a config along."""
    default = "; default: the config in the checkpoint" if in_checkpoint else ""
    parser.add_subject("--config", required=required and not in_checkpoint, metavar="CONFIG",
                       help=f"a config file, or the name of a shipped config{default}")
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


def config_from_arguments(args: argparse.Namespace, verb: str, part: "Callable[[ExperimentConfig], object]",
                          more: Mapping[str, Any] = MappingProxyType({}), *, carried: bool = False) -> "ExperimentConfig":
    """The config of `config_and_network`."""
    return config_and_network(args, verb, part, more, carried=carried)[0]


def config_and_network(args: argparse.Namespace, verb: str, part: "Callable[[ExperimentConfig], object]",
                       more: Mapping[str, Any] = MappingProxyType({}), *,
                       carried: bool = False) -> "tuple[ExperimentConfig, MultiTaskNet]":
    """The resolved config that the arguments ask for, --config's or the one in the checkpoint, and its fresh network.

    The network can be quantized and folded. Overrides of what the verb does not read are told. verb: as the user calls it; part: what
    it reads, one of `mtzoo.config.parts`; more: keys of the config that the verb's own options set; carried: the verb writes a
    checkpoint with the whole config for other verbs. Raises UserError for a key that --cfg-options and another option set.
    """
    from mtzoo.config import config_from_dict
    from mtzoo.config.overrides import override, select_tasks
    from mtzoo.engine.checks import check_network
    from mtzoo.recipes.idle_options import note_idle_overrides

    path, values = given_config(args)
    options, own = parse_options(args.cfg_options), {**args.config_keys, **more}
    if args.distill_from is not None:
        own["distillation.teacher"] = str(args.distill_from)
    if twice := sorted(options.keys() & own.keys()):
        raise UserError(f"--cfg-options {twice[0]}: another option of this command sets it, too; keep one of them")
    try:
        config = config_from_dict(select_tasks(override(values, {**options, **own}), args.tasks))
        net = check_network(config)
        note_idle_overrides(override(values, own), options, args.tasks, part=part, verb=verb, carried=carried)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return config, net


def given_config(args: argparse.Namespace) -> tuple[Path, Mapping[str, Any]]:
    """--config, or the checkpoint that brings one along: the file, and what its config says."""
    from mtzoo.config.load import read_config
    from mtzoo.engine.checkpoint import load_checkpoint

    if args.config is None:
        return args.checkpoint, load_checkpoint(args.checkpoint).config
    path = find_config(args.config)
    return path, read_config(path)


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """["a.b=1", "c=[2,3]", "d=text"] -> {"a.b": 1, "c": [2, 3], "d": "text"}. Raises UserError for a key that is there twice."""
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise UserError(f"--cfg-options {cut(pair)}: expected KEY=VALUE")
        if key in options:
            raise UserError(f"--cfg-options {cut(key)}: given twice; keep one of them")
        try:
            options[key] = _value(text)
        except (MemoryError, RecursionError):
            raise UserError(f"--cfg-options {cut(pair)}: nested too deep; give a flatter value") from None
    return options


def add_checkpoint_argument(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """--checkpoint, of the tools that take a trained network."""
    parser.add_argument("--checkpoint", type=find_checkpoint, required=required, metavar="CKPT",
                        help="a float checkpoint of this network, or zoo:NAME")


def add_out_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """--out, a folder that a verb writes. what: for the help."""
    parser.add_argument("--out", type=output_folder("--out"), metavar="DIR", help=what)


def add_distillation_argument(parser: argparse.ArgumentParser) -> None:
    """--distill-from, for every verb that trains. Call it after `add_config_options`."""
    parser.add_argument("--distill-from", type=find_checkpoint, metavar="CKPT",
                        help="also learn from the outputs of this network: distillation.teacher of the config")


def add_ctx_argument(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """--ctx. several: whether the verb's `run` is one of `in_processes_of_ctx`."""
    if several:
        parser.add_argument("--ctx", metavar="cpu|cpu:N|0|0,1",
                            help="devices: one process for each GPU, or N processes on the CPU; default: env.default_ctx")
    else:
        parser.add_argument("--ctx", type=_one_device, metavar="cpu|0", help="device; default: env.default_ctx")


def add_training_arguments(parser: Parser, *, config_required: bool = True) -> None:
    """What `train` and `quant-train` share."""
    add_config_arguments(parser, required=config_required)
    add_distillation_argument(parser)
    add_out_argument(parser, "where the run is kept; default work_dirs/CONFIG")
    add_ctx_argument(parser)
    parser.add_argument("--resume", action="store_true", default=_was_restarted(), help="continue from the last checkpoint")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--checkpoint", type=find_checkpoint, metavar="CKPT",
                       help="start from the weights of a float checkpoint or of zoo:NAME; default: load_from of the config")
    start.add_argument("--from-scratch", action="store_true", help="start from random weights, though the config names others, or "
                       "the zoo has some for a pipeline test")
    parser.add_argument("--pipeline-test", action="store_true", help="a short run of everything on the validation set; starts from "
                        "pipeline_test.load_from of the config, or from what the zoo has for its network")
    add_run_options(parser)
    add_idle_options(parser)


def add_retraining_arguments(parser: argparse.ArgumentParser, *, default_iters: str = "") -> None:
    """What the tools share that train a finished network on. default_iters: for the help; "" where --iters is required."""
    parser.add_argument("--iters", type=at_least(1, "--iters"), metavar="N", required=not default_iters,
                        help="training iterations" + (f"; default: {default_iters}" if default_iters else ""))
    parser.add_argument("--batch-size", type=at_least(1, "--batch-size"), metavar="N",
                        help="images per iteration; default: from the config's phase")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help="initial learning rate; default: from the config's phase")
    parser.add_argument("--workers", type=processes("--workers", 0), metavar="N",
                        help="processes that read images; default: env.workers")
    add_distillation_argument(parser)
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in --out")
    add_idle_options(parser)


def retraining_from_arguments(args: argparse.Namespace) -> "Retraining":
    """Raises UserError for numbers that cannot be."""
    from mtzoo.engine.retraining import Retraining

    return Retraining(args.iters, args.batch_size, args.learning_rate, args.workers)


def add_correction_arguments(parser: argparse.ArgumentParser, equalize: str, biases: str) -> None:
    """What calibration corrects besides rounding. equalize, biases: what the help says of the defaults."""
    parser.add_argument("--equalize", choices=EQUALIZE,
                        help=f"balance the ranges of channels of neighbouring layers, or of the whole network, first ({equalize})")
    parser.add_argument("--bias-correction", action=argparse.BooleanOptionalAction,
                        help=f"correct the shift of channel means by rounding; {biases}")


def add_float_layers_argument(parser: argparse.ArgumentParser) -> None:
    """--not-quant-pattern, for verbs that also make networks which are not integers throughout."""
    parser.add_argument("--not-quant-pattern", nargs="+", action="extend", default=[], metavar="NAME",
                        help="layers that stay in float, besides those of the config: names that contain NAME or match it as a pattern")


def with_float_layers(config: "ExperimentConfig", args: argparse.Namespace) -> "ExperimentConfig":
    """The config with the layers that --not-quant-pattern names left in float."""
    from mtzoo.engine.ptq import with_kept_layers
    from mtzoo.quantization.other_names import own_pattern

    return with_kept_layers(config, [own_pattern(name) for name in args.not_quant_pattern], "float")


def add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    """How the result is compared with its base."""
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--no-bench", dest="bench", action="store_false", help="do not measure latency, which needs a quiet machine")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads of the latency measurement (2)")


def measuring_from_arguments(args: argparse.Namespace) -> tuple[int | None, int | None]:
    """(images of each validation folder, threads of the latency measurement or None)."""
    if not args.bench:
        note_idle(args, "--no-bench measures no latency", "--threads")
    return args.limit, args.threads if args.bench else None


def out_from_arguments(config: "ExperimentConfig", args: argparse.Namespace, verb: str) -> Path:
    """--out, or work_dirs/<config>[-<tasks>]-<verb>."""
    return args.out or default_folder(config, "+".join(args.tasks), verb)


def run_folder_from_arguments(config: "ExperimentConfig", args: argparse.Namespace) -> Path:
    """--out, or work_dirs/<config>, with a suffix for a pipeline test and for single tasks."""
    from mtzoo.recipes.start import run_folder

    return run_folder(config, args.out, pipeline_test=args.pipeline_test, resume=args.resume, tasks=args.tasks)


def _was_restarted() -> bool:
    """Whether torchrun (--max-restarts) has started this process in place of one that failed: it goes on from the last checkpoint."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def _one_device(ctx: str) -> str:
    from mtzoo.engine.device import single_device

    single_device(ctx)
    return ctx


def _task_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"--tasks '{cut(text)}': expected names of tasks with commas between, e.g. det_person,seg_lane")
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--tasks {cut(text)}: '{cut(twice[0])}' is there twice; name it once")
    return names


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
