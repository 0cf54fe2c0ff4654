"""Arguments that several verbs share, and what they turn into."""

import argparse
import ast
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict, load_config
from mtzoo.config.channels import adopt_channels
from mtzoo.console import PlainConsole
from mtzoo.data.json_file import read_json
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.checks import check_network
from mtzoo.engine.distributed import is_main
from mtzoo.engine.retraining import Retraining
from mtzoo.engine.work_dir import MARKER
from mtzoo.errors import UserError
from mtzoo.locate import find_config
from mtzoo.locks import lock_folder
from mtzoo.models.channel_plan import GONE


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --tasks and --cfg-options."""
    parser.add_argument("--config", required=True, metavar="FILE", help="a config file, or a shipped one's name")
    add_config_options(parser)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """--tasks and --cfg-options."""
    parser.add_argument("--tasks", default="", metavar="A,B", help="keep only these tasks")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="override keys of the config, e.g. env.workers=4 solver.0.float_phase.epochs=2")
    parser.set_defaults(distill_from=None)  # of verbs that train nothing


def config_from_arguments(args: argparse.Namespace, more: Mapping[str, Any] = MappingProxyType({})) -> ExperimentConfig:
    """The resolved config that the arguments ask for; its network can be built, quantized and folded.

    more: keys of the config that the verb's own options set, after --cfg-options.
    """
    tasks = [name.strip() for name in args.tasks.split(",")] if args.tasks else []
    path = find_config(args.config)
    options = {**parse_options(args.cfg_options), **more}
    if args.distill_from is not None:
        options["distillation.teacher"] = str(args.distill_from)
    config = load_config(path, options, tasks)
    try:
        check_network(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return config


def adopt_for_training(config: ExperimentConfig, args: argparse.Namespace, work_dir: Path, console: PlainConsole) -> ExperimentConfig:
    """The config with the channel plan of the run that --resume goes on with, or of the checkpoint that --load-from names."""
    marker = work_dir / MARKER
    if args.resume and marker.is_file():
        held = read_json(marker, "marker of a work dir", "choose another --work-dir")
        return _adopt(config, held.get("config", {}) if isinstance(held, dict) else {}, marker, console)
    return config if args.load_from is None else adopt_checkpoint(config, args.load_from, console)


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
    """["a.b=1", "c=[2,3]", "d=text"] -> {"a.b": 1, "c": [2, 3], "d": "text"}."""
    options = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise UserError(f"--cfg-options {pair}: KEY=VALUE is wanted")
        options[key] = _value(text)
    return options


def check_new_folder(out: Path, option: str = "--out", may_hold: Collection[str] = ()) -> None:
    """Raises UserError if the option's folder is there already and holds anything but files called as in `may_hold`."""
    if out.exists() and (not out.is_dir() or any(path.name not in may_hold for path in out.iterdir())):
        raise UserError(f"{option} {out}: exists already and is not empty; name a new folder, nothing is overwritten")


def add_distillation_argument(parser: argparse.ArgumentParser) -> None:
    """--distill-from, for every verb that trains. Call it after `add_config_options`."""
    parser.add_argument("--distill-from", type=Path, metavar="CKPT",
                        help="learn from this network's answers, too: distillation.teacher of the config")


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` and `quant-train` share."""
    add_config_arguments(parser)
    add_distillation_argument(parser)
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="where the run is kept; default work_dirs/CONFIG")
    parser.add_argument("--ctx", metavar="cpu|0,1", help="devices; default env.default_ctx")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--load-from", type=Path, metavar="CKPT", help="start from the weights of a float checkpoint")
    parser.add_argument("--pipeline-test", action="store_true", help="everything, briefly, on the validation set")


def add_retraining_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """What the tools share that train a finished network on."""
    parser.add_argument("--retraining-iters", type=int, metavar="N", required=required, help="iterations")
    parser.add_argument("--batch-size", type=int, metavar="N", help="default: that of the config's phase")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help="at the start; default: from the config's phase")
    parser.add_argument("--num-workers", type=int, metavar="N", help="processes that read images; default env.workers")
    add_distillation_argument(parser)
    parser.add_argument("--ctx", metavar="cpu|0", help="device; default env.default_ctx")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the save dir")


def retraining_from_arguments(args: argparse.Namespace) -> Retraining:
    """Raises UserError for numbers that cannot be."""
    return Retraining(args.retraining_iters, args.batch_size, args.learning_rate, args.num_workers)


def add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    """How the result is compared with its base."""
    parser.add_argument("--limit", type=int, metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--no-bench", dest="bench", action="store_false", help="measure no latency: that needs a quiet machine")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the latency measurement (2)")


def measuring_from_arguments(args: argparse.Namespace) -> tuple[int | None, int | None]:
    """(images of each validation folder, threads of the latency measurement or None). Raises UserError for others below 1."""
    for name in ("limit", "threads"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UserError(f"--{name} {getattr(args, name)}: has to be at least 1")
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


def _named_dir(config: ExperimentConfig, tasks: str, suffix: str) -> Path:
    parts = [config.name.replace("/", "-"), tasks.replace(",", "+"), suffix]
    return Path("work_dirs") / "-".join(part for part in parts if part)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
