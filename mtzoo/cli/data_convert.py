"""`mtzoo data convert`: its arguments, and the conversion."""

import argparse
import shlex
import time
from pathlib import Path

from mtzoo.cli.data_convert_text import next_commands, notes, tables
from mtzoo.cli.numbers import processes
from mtzoo.cli.outputs import output_folder
from mtzoo.cli.parser import Parser
from mtzoo.console import note, numbered, say
from mtzoo.data.convert import FORMATS, VAL_SHARE, Summary
from mtzoo.data.convert.translation import MAX_BAD_IMAGES, Classes
from mtzoo.errors import UserError
from mtzoo.progress import show_progress
from mtzoo.recipes.convert_data import AUTO, Layout, convert_data, layout_of, places_of


def add_convert_arguments(parser: Parser) -> None:
    names = ", ".join(f"{f.name} ({f.title})" for f in FORMATS.values())
    parser.add_subject("--format", required=False, metavar="FORMAT", help=f"auto: recognise the format (default), or one of {names}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of the data set, or its data.yaml; it is not changed")
    add_places_arguments(parser)
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR",
                        help="a new folder, or an unchanged earlier conversion")
    parser.add_argument("--copy-images", action="store_true", help="copy the images; default: link them")
    parser.add_argument("--classes", choices=("tasks", "own"), default=None,
                        help="classes of the six tasks, or the format's own names and ids; default: tasks, if a name belongs to one")
    parser.add_argument("--workers", type=processes("--workers"), default=None, metavar="N",
                        help="reading threads; default: one for each core")


def add_places_arguments(parser: argparse._ActionsContainer) -> None:
    """Where the parts of a data set lie, what its categories are called, and how it is divided. parser: or a group of one."""
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="the one file of labels (COCO) or of class names")
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder of the images; default: search in --data")
    parser.add_argument("--labels", type=Path, metavar="DIR",
                        help="the folder of the label files or masks, if --data has several; 'masks' is train/masks and val/masks")
    parser.add_argument("--rename", nargs="+", action="extend", default=[], metavar="OLD=NEW",
                        help="rename a category, e.g. speedlimit=sign")
    parser.add_argument("--ignore", nargs="+", action="extend", default=[], metavar="NAME",
                        help="make ignore regions of these categories")
    parser.add_argument("--union", nargs="+", action="extend", default=[], metavar="NEW=A,B",
                        help="one box around all boxes of these categories in an image, e.g. rear=back_bumper,back_glass")
    parser.add_argument("--val-share", type=float, default=None, metavar="0..1",
                        help=f"for a set without a split: this share of the images, the last ones, becomes val ({VAL_SHARE:g}); "
                             "--split val=0.2 is the same as --val-share 0.2")
    parser.add_argument("--split", dest="val_share", type=parse_split, help=argparse.SUPPRESS)  # a part's name in other verbs
    parser.add_argument("--split-by", choices=("name", "folder"), default=None,
                        help="take the last images by name (default), or the last folders")
    parser.add_argument("--max-bad-images", type=float, default=None, metavar="0..1",
                        help="the share of the images that may be left out because they, or their labels, cannot be read "
                             f"({MAX_BAD_IMAGES:g})")


def run_convert(args: argparse.Namespace) -> int:
    summary = convert_as_told(args, choose_layout(args), args.out, args.classes or "auto", args.copy_images, args.workers)
    for line in next_commands(summary, args.out):
        say(line)
    return 0


def convert_as_told(args: argparse.Namespace, layout: Layout, out: Path, classes: Classes, copy_images: bool,
                    workers: int | None) -> Summary:
    """Convert with the arguments of `add_places_arguments`, and tell what came of it."""
    share = VAL_SHARE if args.val_share is None else args.val_share
    bad = MAX_BAD_IMAGES if args.max_bad_images is None else args.max_bad_images
    start = time.perf_counter()
    with show_progress(f"converting {layout.format.name}") as on_progress:
        summary = convert_data(args.data, out, format=layout.format.name, annotations=args.annotations, images=args.images,
                               labels=layout.places.labels, classes=classes, rename=parse_renames(args.rename), ignore=args.ignore,
                               union=parse_unions(args.union), val_share=share, split_by=args.split_by or "name",
                               max_bad_images=bad, copy_images=copy_images, workers=workers, on_progress=on_progress)
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{count} {split}" for split, count in summary.images.items())
    say(f"{numbered(summary.images.total(), 'image')} ({counts}) in {seconds:.1f} s: {out}")
    for table in tables(summary):
        say(table)
    if (args.val_share is not None or args.split_by is not None) and not summary.divided:
        note("note: --val-share and --split-by have no effect: the data set has a val part of its own")
    if classes == "auto" and summary.classes == "own" and (summary.searched or summary.pixels):
        note("note: none of its classes is one of the six tasks': they keep their names, as with --classes own")
    for line in notes(summary, out):
        note(f"note: {line}", whole=True)  # it names all classes with what to type
    return summary


def choose_layout(args: argparse.Namespace) -> Layout:
    """The format that the arguments name, or that is recognised and told, and where its files lie."""
    layout = layout_of(args.format or AUTO, places_of(args.data, args.annotations, args.images, args.labels))
    if layout.what:
        say(f"recognised: {layout.what}")
    for other in layout.others:
        folder = f" --labels {shlex.quote(str(other.labels))}" if other.labels else ""
        note(f"note: also seen, and not read: {other.what}; to read that instead: --format {other.format}{folder}")
    return layout


def parse_split(text: str) -> float:
    """ "val=0.2" -> 0.2."""
    name, equals, share = text.partition("=")
    try:
        if name == "val" and equals:
            return float(share)
    except ValueError:
        pass
    raise UserError(f"--split {text}: expected val=SHARE, e.g. val=0.2")


def parse_unions(pairs: list[str]) -> dict[str, tuple[str, ...]]:
    """["rear=a,b"] -> {"rear": ("a", "b")}. Raises UserError for a union that is there twice, and a category that is in two."""
    unions: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        parts = tuple(part.strip() for part in text.split(","))
        if not (name and equals and all(parts)):
            raise UserError(f"--union {pair}: expected NEW=A,B")
        if name in unions:
            raise UserError(f"--union {pair}: '{name}' is a union already; name all its categories in one")
        for part in parts:
            if other := next((other for other, held in unions.items() if part in held), None):
                raise UserError(f"--union {pair}: '{part}' is in the union '{other}' already; leave it out of one")
        unions[name] = parts
    return unions


def parse_renames(pairs: list[str]) -> dict[str, str]:
    """["stop sign=sign"] -> {"stop sign": "sign"}. Raises UserError for a category with two new names."""
    renames: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UserError(f"--rename {pair}: expected OLD=NEW")
        if old in renames:
            raise UserError(f"--rename {pair}: '{old}' has the new name '{renames[old]}' already; keep one of them")
        renames[old] = new
    return renames
