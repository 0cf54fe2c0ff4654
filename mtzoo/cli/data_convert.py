"""`mtzoo data convert`: its arguments, and what it tells at the end."""

import argparse
import time
from pathlib import Path

from mtzoo.cli.numbers import processes
from mtzoo.cli.progress import show_progress
from mtzoo.console import note, say
from mtzoo.data.convert import FORMATS, Options, Summary, convert
from mtzoo.errors import UserError, did_you_mean

CONFIG = "converted/multitask"


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", metavar="FORMAT", help="one of " + ", ".join(f"{f.name} ({f.title})" for f in FORMATS.values()))
    parser.add_argument("--src", type=Path, required=True, metavar="DIR", help="the data set as published; it stays as it is")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder, or an untouched earlier conversion")
    parser.add_argument("--copy-images", action="store_true", help="copy the images; by default they are linked")
    parser.add_argument("--classes", choices=("tasks", "own"), default="tasks",
                        help="classes of the six tasks, or the format's own names and ids (tasks)")
    parser.add_argument("--rename", nargs="+", default=[], metavar="OLD=NEW",
                        help="call the format's category OLD something else, e.g. speedlimit=sign")
    parser.add_argument("--val-share", type=float, default=0.1, metavar="0..1",
                        help="of a set without a split, the share of images, the last ones, that is val (0.1)")
    parser.add_argument("--workers", type=processes("--workers"), default=None,
                        help="reading threads; by default one for each core")


def run_convert(args: argparse.Namespace) -> int:
    if args.format not in FORMATS:
        raise UserError(f"format '{args.format}': mtzoo converts no such format{did_you_mean(args.format, FORMATS)}")
    options = Options(args.classes, parse_renames(args.rename), args.copy_images, args.val_share, args.workers)
    start = time.perf_counter()
    with show_progress(f"converting {args.format}") as on_progress:
        summary = convert(FORMATS[args.format], args.src, args.out, options, on_progress)
    for line in describe(summary, args.out, time.perf_counter() - start):
        say(line)
    if summary.left_out:
        rest = len(summary.left_out) - 1
        more = f" (and {rest} more, listed in {args.out / 'convert.json'})" if rest else ""
        note(f"note: left out: {summary.left_out[0]}{more}")
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


def describe(summary: Summary, out: Path, seconds: float) -> list[str]:
    """Lines for people: what was written, and how to train on it."""
    counts = ", ".join(f"{count} {split}" for split, count in summary.images.items())
    lines = [f"{sum(summary.images.values())} images ({counts}) in {seconds:.1f} s: {out}"]
    if summary.boxes:
        lines.append("boxes: " + ", ".join(f"{count} {name}" for name, count in summary.boxes.most_common()))
    if summary.masks:
        lines.append("masks: " + ", ".join(f"{count} {kind}" for kind, count in summary.masks.items()))
    if summary.foreign_images:
        lines.append(f"left out: {summary.foreign_images} images that show only what no task asks for")
    if summary.tasks:
        chosen = f"--tasks {','.join(summary.tasks)} --cfg-options data_root={out}"
        lines += [f"check it:    mtzoo data check {CONFIG} {chosen}", f"train on it: mtzoo quant-train --config {CONFIG} {chosen}"]
    return lines
