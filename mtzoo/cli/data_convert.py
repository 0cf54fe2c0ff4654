"""`mtzoo data convert`: its arguments, and what it tells at the end."""

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from mtzoo.cli.data_tables import ObjectRow, PixelRow, object_table, pixel_table, whys
from mtzoo.cli.numbers import processes
from mtzoo.cli.outputs import output_folder
from mtzoo.cli.progress import show_progress
from mtzoo.console import note, numbered, say
from mtzoo.data.convert import FORMATS, VAL_SHARE, Format, Options, Places, Summary, convert, recognise
from mtzoo.data.convert.classes import TASK_NAMES
from mtzoo.data.convert.translation import Classes
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import UserError, did_you_mean, listed

CONFIG = "converted/multitask"
AUTO = "auto"


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(f"{f.name} ({f.title})" for f in FORMATS.values())
    parser.add_argument("format", nargs="?", metavar="FORMAT", help=f"auto: recognised by the files (default), or one of {names}")
    parser.add_argument("--format", dest="format_option", metavar="FORMAT", help="the same")
    parser.add_argument("--src", type=Path, metavar="DIR", help="the data set; it stays as it is")
    add_places_arguments(parser)
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR",
                        help="new folder, or an untouched earlier conversion")
    parser.add_argument("--copy-images", action="store_true", help="copy the images; by default they are linked")
    parser.add_argument("--classes", choices=("tasks", "own"), default=None,
                        help="classes of the six tasks, or the format's own names and ids; by default tasks, if it has a class of one")
    parser.add_argument("--workers", type=processes("--workers"), default=None,
                        help="reading threads; by default one for each core")


def add_places_arguments(parser: argparse._ActionsContainer) -> None:
    """Where the parts of a data set lie, what its categories are called, and how it is divided. parser: or a group of one."""
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="the one file of labels (COCO), anywhere")
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder of the images; by default they are sought in --src")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="the folder of the label files or masks, where --src has several")
    parser.add_argument("--rename", nargs="+", action="extend", default=[], metavar="OLD=NEW",
                        help="call the format's category OLD something else, e.g. speedlimit=sign")
    parser.add_argument("--ignore", nargs="+", action="extend", default=[], metavar="NAME",
                        help="make regions that do not count of a category")
    parser.add_argument("--union", nargs="+", action="extend", default=[], metavar="NEW=A,B",
                        help="one box around all boxes of these categories in an image, e.g. rear=back_bumper,back_glass")
    parser.add_argument("--val-share", type=float, default=None, metavar="0..1",
                        help=f"of a set without a split, the share of images, the last ones, that is val ({VAL_SHARE:g})")
    parser.add_argument("--split", dest="val_share", type=parse_split, metavar="val=0..1", help="the same as --val-share")
    parser.add_argument("--split-by", choices=("name", "folder"), default=None,
                        help="what the last ones are: images by name (default), or whole folders")


def run_convert(args: argparse.Namespace) -> int:
    form, places = choose_format(args)
    summary = convert_as_told(args, form, places, args.out, args.classes or "auto", args.copy_images, args.workers)
    for line in next_commands(summary, args.out):
        say(line)
    return 0


def convert_as_told(args: argparse.Namespace, form: Format, places: Places, out: Path, classes: Classes, copy_images: bool,
                    workers: int | None) -> Summary:
    """Convert with the arguments of `add_places_arguments`, and tell what came of it."""
    share = VAL_SHARE if args.val_share is None else args.val_share
    options = Options(classes, parse_renames(args.rename, args.ignore), copy_images, share, workers, parse_unions(args.union),
                      args.split_by or "name")
    start = time.perf_counter()
    with show_progress(f"converting {form.name}") as on_progress:
        summary = convert(form, places, out, options, on_progress)
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{count} {split}" for split, count in summary.images.items())
    say(f"{summary.images.total()} images ({counts}) in {seconds:.1f} s: {out}")
    for table in tables(summary):
        say(table)
    if (args.val_share is not None or args.split_by is not None) and not summary.divided:
        note("note: --split, --val-share and --split-by have no effect: the data set has a val part of its own")
    if classes == "auto" and summary.classes == "own":
        note("note: none of its classes is one of the six tasks': they keep their names, as with --classes own")
    for line in notes(summary, out):
        note(f"note: {line}")
    return summary


def choose_format(args: argparse.Namespace) -> tuple[Format, Places]:
    """The format that the arguments name, or that is recognised and told, and where its files lie."""
    if args.format and args.format_option:
        raise UserError(f"--format {args.format_option}: the format is there already: {args.format}; keep one of them")
    name = args.format or args.format_option or AUTO
    if name != AUTO and name not in FORMATS:
        raise UserError(f"format '{name}': mtzoo converts no such format{did_you_mean(name, (AUTO, *FORMATS))}")
    places = places_of(args)
    if name == AUTO:
        name, labels = _recognised(places)
        places = replace(places, labels=places.labels or labels)
    form = FORMATS[name]
    for option in ("annotations", "images", "labels"):
        if getattr(places, option) is not None and option not in form.reads:
            raise UserError(f"--{option}: changes nothing for the format {name}, which finds its files by itself; leave it out")
    return form, places


def places_of(args: argparse.Namespace) -> Places:
    if args.src is None and args.images is None:
        raise UserError("--src DIR is missing: the folder of the data set (or --annotations FILE --images DIR)")
    src = args.images if args.src is None else args.src
    if not src.is_dir():
        raise UserError(f"{src}: no such folder; name the folder of the data set")
    return Places(src, _existing(args.annotations, args.src), _existing(args.images, args.src), args.labels)


def _existing(path: Path | None, src: Path | None) -> Path | None:
    """A path that the user names, as it is or relative to --src."""
    if path is None or path.exists():
        return path
    if src is not None and (src / path).exists():
        return src / path
    raise UserError(f"{path}: no such file or folder; check the path")


def _recognised(places: Places) -> tuple[str, Path | None]:
    """(format, folder of its label files) of what was seen; told, with what else there is."""
    if places.annotations is not None and places.annotations.suffix.lower() == ".json":
        say(f"recognised: {FORMATS['coco'].title}: {places.annotations}")
        return "coco", None
    taken, *others = recognise(places.src, places.labels)
    say(f"recognised: {taken.what}")
    for other in others:
        folder = f" --labels {other.labels}" if other.labels else ""
        note(f"note: also seen, and not read: {other.what}; to read that instead: --format {other.format}{folder}")
    return taken.format, taken.labels


def parse_split(text: str) -> float:
    """ "val=0.2" -> 0.2."""
    name, equals, share = text.partition("=")
    try:
        if name == "val" and equals:
            return float(share)
    except ValueError:
        pass
    raise UserError(f"--split {text}: val=SHARE is wanted, e.g. val=0.2")


def parse_unions(pairs: list[str]) -> dict[str, tuple[str, ...]]:
    """["rear=a,b"] -> {"rear": ("a", "b")}. Raises UserError for a category that is in two unions."""
    unions: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        parts = tuple(part.strip() for part in text.split(","))
        if not (name and equals and all(parts)):
            raise UserError(f"--union {pair}: NEW=A,B is wanted")
        for part in parts:
            if other := next((other for other, held in unions.items() if part in held), None):
                raise UserError(f"--union {pair}: '{part}' is in the union '{other}' already; leave it out of one")
        unions[name] = parts
    return unions


def parse_renames(pairs: list[str], ignored: Sequence[str] = ()) -> dict[str, str]:
    """["stop sign=sign"] -> {"stop sign": "sign"}. ignored: names that become ignore regions."""
    renames = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UserError(f"--rename {pair}: OLD=NEW is wanted")
        renames[old] = new
    for name in ignored:
        if name in renames:
            raise UserError(f"--ignore {name}: --rename makes it {renames[name]}; keep one of them")
        renames[name] = IGNORE_CATEGORY
    return renames


def tables(summary: Summary) -> list[Table]:
    """What was written, class by class."""
    found = []
    if summary.searched:
        shown = [name for name in summary.categories if summary.classes == "own" or name in CATEGORIES or summary.objects[name]
                 or summary.ignored[name]]  # of COCO's 80 most are no task's, and do not occur in a small set
        names = [*shown, *summary.dropped_categories()]
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
    if summary.unlabelled:
        found.append(f"{summary.unlabelled} images without a label are unknown, and left out")
    if summary.foreign:
        found.append(f"{summary.foreign} images show only what no task asks for, and are left out (--classes own keeps them)")
    for result in ("background", "dropped", "ignored", "mended"):
        found += [f"{result}: {whys(counts)}"] if (counts := summary.whys(result)) else []
    if summary.lines:
        found.append(f"the first of these: {summary.lines[0]}; they are listed in {out / 'convert.json'}")
    if own := foreign_classes(summary):
        found.append(own)
    return found


def foreign_classes(summary: Summary) -> str:
    """The categories that are no class of the six tasks, with counts and what to type; empty for none."""
    names = [name for name in summary.categories if name not in (*TASK_NAMES, IGNORE_CATEGORY) and summary.objects[name]]
    if summary.classes == "own" or not names:
        return ""
    counted = ", ".join(f"{name} ({numbered(summary.objects[name], 'object')})" for name in names)
    renames = " ".join(shlex.quote(f"{name}=CLASS") for name in names)
    return (f"no class of the six tasks, and background for these: {counted}; if one of them is, say so: --rename {renames} (CLASS: "
            f"{', '.join(TASK_NAMES)}), or --ignore {' '.join(map(shlex.quote, names))}")


def next_commands(summary: Summary, out: Path) -> list[str]:
    """How to check and to train, for the tasks it has labels for."""
    if not summary.tasks:
        return [f"train on it: mtzoo train --data {shlex.quote(str(out))}"]
    chosen = f"--tasks {','.join(summary.tasks)} --cfg-options {shlex.quote(f'data_root={out}')}"
    return [f"check it:    mtzoo data check {CONFIG} {chosen}", f"train on it: mtzoo quant-train --config {CONFIG} {chosen}"]
