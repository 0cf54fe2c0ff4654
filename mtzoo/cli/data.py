"""`mtzoo data check CONFIG` lists every fault of a config's data; `mtzoo data synth` renders synthetic scenes."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtzoo.cli.arguments import add_config_options, config_from_arguments
from mtzoo.errors import UserError

HELP = "check a config's data, or render synthetic scenes"
FAULTY = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="data_verb", required=True, metavar="{check,synth}")
    check = verbs.add_parser("check", help="list every fault of the data in one pass; exit code 2 if there is one")
    check.add_argument("config", help="config file or name, e.g. 4pe_resize/multitask")
    add_config_options(check)
    check.add_argument("--workers", type=int, default=None, help="decoding threads; by default one for each core")
    synth = verbs.add_parser("synth", help="render synthetic road scenes with labels for all six tasks")
    synth.add_argument("--out", type=Path, required=True, help="new folder: images/ boxes.json seg/ lane/")
    synth.add_argument("--num", type=int, required=True, help="number of scenes")
    synth.add_argument("--seed", type=int, required=True, help="the same seed gives the same scenes")
    synth.add_argument("--size", type=parse_size, default=(720, 1280), metavar="HxW", help="height x width (720x1280)")
    synth.add_argument("--workers", type=int, default=2, help="rendering processes (2)")


def run(args: argparse.Namespace) -> int:
    return _check(args) if args.data_verb == "check" else _synth(args)


def parse_size(text: str) -> tuple[int, int]:
    """ "720x1280" -> (720, 1280), height first."""
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write height x width, e.g. 720x1280")
    return int(height), int(width)


def _check(args: argparse.Namespace) -> int:
    from mtzoo.data.check import check_sources
    from mtzoo.data.sources import Fault, TaskData

    config = config_from_arguments(args)
    faults: list[Fault] = []
    images = 0
    for split in ("train", "val"):
        data = [TaskData(t.name, t.kind, t.classes, getattr(t, f"{split}_sources")) for t in config.tasks]
        with _progress(f"checking {split}") as on_progress:
            faults += check_sources(data, on_progress, args.workers)
            images += on_progress.total
    faults = list(dict.fromkeys(faults))
    for fault in faults:
        print(fault)
    print(f"{len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}; {images} images checked for {len(config.tasks)} tasks")
    return FAULTY if faults else 0


def _synth(args: argparse.Namespace) -> int:
    if args.num < 1 or args.workers < 1:
        raise UserError(f"--num {args.num} --workers {args.workers}: both have to be at least 1")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise UserError(f"--out {args.out}: exists already and is not empty; name a new folder, nothing is overwritten")
    from mtzoo.data.synthetic import write_dataset

    start = time.perf_counter()
    with _progress("rendering") as on_progress:
        write_dataset(args.out, args.num, args.seed, size_hw=args.size, workers=args.workers, on_progress=on_progress)
    seconds = time.perf_counter() - start
    print(f"{args.num} scenes in {seconds:.1f} s, {args.num / seconds:.1f} scenes/s with {args.workers} processes: {args.out}")
    return 0


class _OnProgress:
    """Feeds (done, total) to a bar and remembers the total."""

    def __init__(self, bar: Progress, title: str) -> None:
        self.bar, self.task, self.total = bar, bar.add_task(title, total=None), 0

    def __call__(self, done: int, total: int) -> None:
        self.total = total
        self.bar.update(self.task, completed=done, total=total)


@contextmanager
def _progress(title: str) -> Iterator[_OnProgress]:
    """A bar with ETA on stderr; stdout is for results."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _OnProgress(bar, title)
