"""`mtzoo train --data FOLDER`: converts the folder, writes a config for it, and goes on with that."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from mtzoo.cli.data_convert import add_places_arguments, choose_layout, convert_as_told
from mtzoo.cli.parser import Parser
from mtzoo.console import note, say
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.locate import checkpoint_name

CONFIG, DATA, RUN, SOURCE = "config.py", "data", "run", "source.txt"
START = "zoo:dashcam_resize_mobilenetv2"
"""Whose network and weights a training on own data starts from unless others are asked for."""
START_LICENCE = "research use only; --checkpoint zoo:scenes_resize is free, and --from-scratch needs none"
LAYOUT_OPTIONS = ("format", "annotations", "images", "labels", "rename", "ignore", "union", "val_share", "split_by",
                  "max_bad_images")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """--data, and how the folder is read."""
    group = parser.add_argument_group(
        "training without a config", "--data takes a folder of any layout that `mtzoo data convert` reads, or one that it wrote. "
        "work_dirs/NAME gets data/, config.py, which you may edit, source.txt, which names the data set, and run/. The network is that "
        f"of --checkpoint (default {START}), whose weights are the start; with --from-scratch it is a VarGNetV2 of random weights.")
    group.add_argument("--data", type=Path, metavar="DIR", help="the folder of the data set, or its data.yaml; it is not changed")
    group.add_argument("--format", metavar="FORMAT", help="auto (default), or a format of `mtzoo data convert`")
    add_places_arguments(group)


def prepare_data(args: argparse.Namespace) -> None:
    """Make the arguments those of a training of the config that is written for --data, if it is given.

    Raises UserError for --data with --config, for neither, and for options of layouts that nothing reads.
    """
    from mtzoo.config.own_data import missing_split, own_tasks, read_receipt

    given = [option for option in LAYOUT_OPTIONS if getattr(args, option)]
    if args.data is None:
        if args.config is None:
            raise UserError("expected --config FILE or --data DIR: a config, or a data set to write one for")
        if given:
            raise UserError(f"{_option(given[0])}: belongs to --data, and a config reads what it says; leave it out")
        if os.path.isdir(args.config):
            raise UserError(f"config '{args.config}': is a folder; name a .py file in it, or train on a folder of data with --data "
                            f"{args.config}")
        return
    if args.config is not None:
        raise UserError("--config and --data: a config is written for --data; take one of the two")
    source, name = _source(args.data)
    folder = args.out or Path("work_dirs") / name
    _check_source(folder, source)
    data = _converted(args, folder, given)
    config = folder / CONFIG
    if config.is_file():
        note(f"note: {config} is there already, and is trained with as it is")
    else:
        write_whole(folder / SOURCE, f"{os.path.abspath(source)}\n".encode(), "choose another --out")
        write_whole(config, _config_text(args, data).encode(), "choose another --out")
        for task in own_tasks(read_receipt(data)):
            if split := missing_split(task, data):
                note(f"note: {task.labels}: {split} has none, so it is not trained; divide the set otherwise (--split-by) to train it")
        say(f"config: {config}; edit it as you like, and train again with --config {shlex.quote(str(config))}")
    args.config, args.out = str(config), folder / (f"{RUN}-pipeline-test" if args.pipeline_test else RUN)
    args.argv = [*_without_data(args.argv), "--config", args.config, "--out", str(args.out)]


def _config_text(args: argparse.Namespace, data: Path) -> str:
    """A config for the converted set in `data`, of the network that --checkpoint and --from-scratch ask for.

    Raises UserError for a checkpoint that cannot be read, and for a network that cannot have the set's tasks.
    """
    from mtzoo.config import config_from_dict
    from mtzoo.config.own_data import config_text
    from mtzoo.engine.checkpoint import load_checkpoint

    if args.from_scratch:
        return config_text(data)
    load_from = START if args.checkpoint is None else checkpoint_name(args.checkpoint)
    text = config_text(data, load_from, config_from_dict(load_checkpoint(Path(load_from)).config).resolved)
    say(f"network and weights: {load_from}" + (f" ({START_LICENCE})" if args.checkpoint is None else ""))
    return text


def _without_data(argv: Sequence[str]) -> list[str]:
    """A command's arguments without --data, what goes with it, and --out."""
    parser = Parser(add_help=False, allow_abbrev=False)
    add_data_arguments(parser)
    parser.add_argument("--out")
    return parser.parse_known_args(argv)[1]


def _converted(args: argparse.Namespace, folder: Path, given: list[str]) -> Path:
    """The folder of the converted set: --data itself, what an earlier run left, or a new one."""
    from mtzoo.config.own_data import RECEIPT

    converted, data = (args.data / RECEIPT).is_file(), folder / DATA
    if converted or (data / RECEIPT).is_file():
        if given:
            held = args.data if converted else data
            raise UserError(f"{_option(given[0])}: {held} is converted already, and nothing reads this option; leave it out, or choose "
                            "another --out for the data set as it was")
        if converted:
            return args.data
        note(f"note: {data} is there already, from an earlier run, and is trained on as it is")
        return data
    convert_as_told(args, choose_layout(args), data, "own", copy_images=False, workers=None)
    return data


def _source(data: Path) -> tuple[Path, str]:
    """What a run is of, and its name: the folder of the data set, for which its description stands, too. Of several descriptions in one
    folder each is a data set of its own."""
    from mtzoo.plain_yaml import YAML_SUFFIXES

    path = Path(os.path.abspath(data))
    if not path.is_file():
        return data, path.name or "data"
    kind = YAML_SUFFIXES if path.suffix.lower() in YAML_SUFFIXES else (path.suffix.lower(),)
    alone = sum(other.suffix.lower() in kind for other in path.parent.iterdir()) == 1
    return (data.parent, path.parent.name or "data") if alone else (data, f"{path.parent.name}-{path.stem}")


def _check_source(folder: Path, asked: Path) -> None:
    """Raises UserError if what an earlier run left in `folder` is of another data set: folders may have the same name. Runs of earlier
    versions do not say what theirs is of."""
    source = folder / SOURCE
    if not source.is_file():
        return
    held = source.read_text().strip()
    if held != os.path.abspath(asked):
        raise UserError(f"--data {asked}: {folder} is for another data set, {held}; choose another --out for this one")


def _option(dest: str) -> str:
    return f"--{dest.replace('_', '-')}"
