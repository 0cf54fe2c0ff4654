"""`mtzoo data convert`: its arguments, and what it tells at the end."""

import argparse
import shlex
import time
from pathlib import Path

from rich.table import Table

from mtzoo.cli.data_tables import ObjectRow, PixelRow, object_table, pixel_table, whys
from mtzoo.cli.numbers import processes
from mtzoo.cli.outputs import output_folder
from mtzoo.cli.progress import show_progress
from mtzoo.console import note, say
from mtzoo.data.convert import FORMATS, VAL_SHARE, Options, Summary, convert
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError, did_you_mean, listed

CONFIG = "converted/multitask"


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", metavar="FORMAT", help="one of " + ", ".join(f"{f.name} ({f.title})" for f in FORMATS.values()))
    parser.add_argument("--src", type=Path, required=True, metavar="DIR", help="the data set as published; it stays as it is")
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR",
                        help="new folder, or an untouched earlier conversion")
    parser.add_argument("--copy-images", action="store_true", help="copy the images; by default they are linked")
    parser.add_argument("--classes", choices=("tasks", "own"), default="tasks",
                        help="classes of the six tasks, or the format's own names and ids (tasks)")
    parser.add_argument("--rename", nargs="+", default=[], metavar="OLD=NEW",
                        help="call the format's category OLD something else, e.g. speedlimit=sign")
    parser.add_argument("--val-share", type=float, default=None, metavar="0..1",
                        help=f"of a set without a split, the share of images, the last ones, that is val ({VAL_SHARE:g})")
    parser.add_argument("--workers", type=processes("--workers"), default=None,
                        help="reading threads; by default one for each core")


def run_convert(args: argparse.Namespace) -> int:
    if args.format not in FORMATS:
        raise UserError(f"format '{args.format}': mtzoo converts no such format{did_you_mean(args.format, FORMATS)}")
    share = VAL_SHARE if args.val_share is None else args.val_share
    options = Options(args.classes, parse_renames(args.rename), args.copy_images, share, args.workers)
    start = time.perf_counter()
    with show_progress(f"converting {args.format}") as on_progress:
        summary = convert(FORMATS[args.format], args.src, args.out, options, on_progress)
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{count} {split}" for split, count in summary.images.items())
    say(f"{summary.images.total()} images ({counts}) in {seconds:.1f} s: {args.out}")
    for table in tables(summary):
        say(table)
    if args.val_share is not None and not summary.divided:
        note("note: --val-share has no effect: the data set has a val part of its own")
    for line in notes(summary, args.out):
        note(f"note: {line}")
    for line in next_commands(summary, args.out):
        say(line)
    return 0


def parse_renames(pairs: list[str]) -> dict[str, str]:
    """["stop sign=sign"] -> {"stop sign": "sign"}."""
    renames = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UserError(f"--rename {pair}: OLD=NEW is wanted")
        renames[old] = new
    return renames


def tables(summary: Summary) -> list[Table]:
    """What was written, class by class."""
    found = []
    if summary.searched:
        names = [*summary.categories, *summary.dropped_categories()]
        found.append(object_table("objects", [
            ObjectRow("boxes", name or "(images)", summary.searched - summary.unknown[name] if name in summary.categories else 0,
                      summary.objects[name], summary.ignored[name], summary.whys("dropped", name)) for name in names]))
    rows = [PixelRow(kind, name, int(summary.pixels[kind].showing[k]), summary.pixels[kind].share(k))
            for kind, classes in summary.mask_classes.items() for k, name in enumerate(classes)]
    return [*found, *([pixel_table("masks", rows)] if rows else [])]


def notes(summary: Summary, out: Path) -> list[str]:
    """What a user should know before training on it."""
    found = []
    absent = [name for name in summary.categories if not summary.objects[name] and name != IGNORE_CATEGORY]
    found += [f"not one object of '{name}': all {summary.ignored[name]} are ignore regions" for name in absent if summary.ignored[name]]
    if names := [name for name in absent if not summary.ignored[name]]:
        found.append(f"not one object of {listed(names)}")
    if summary.empty:
        found.append(f"{summary.empty} images without any object are background")
    for kind, classes in summary.mask_classes.items():
        names = [name for k, name in enumerate(classes) if not summary.pixels[kind].counts[k]]
        found += [f"{kind}: not one pixel of {listed(names)}"] if names else []
    if summary.foreign:
        found.append(f"{summary.foreign} images show only what no task asks for, and are left out (--classes own keeps them)")
    for result in ("background", "dropped", "ignored", "mended"):
        found += [f"{result}: {whys(counts)}"] if (counts := summary.whys(result)) else []
    if summary.lines:
        found.append(f"the first of these: {summary.lines[0]}; they are listed in {out / 'convert.json'}")
    if summary.searched and not summary.tasks and not summary.mask_classes:
        found.append("no task's class is among them; --rename OLD=NEW makes a category one, or write a config of your own")
    return found


def next_commands(summary: Summary, out: Path) -> list[str]:
    """How to check and to train, for the tasks it has labels for."""
    if not summary.tasks:
        return []
    chosen = f"--tasks {','.join(summary.tasks)} --cfg-options {shlex.quote(f'data_root={out}')}"
    return [f"check it:    mtzoo data check {CONFIG} {chosen}", f"train on it: mtzoo quant-train --config {CONFIG} {chosen}"]
