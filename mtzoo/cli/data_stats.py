"""`mtzoo data stats`: tables of what a config's data hold, and a picture of them."""

import argparse
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from rich.table import Table

from mtzoo.cli.arguments import config_from_arguments
from mtzoo.cli.numbers import processes
from mtzoo.cli.outputs import output_file
from mtzoo.console import numbered, say
from mtzoo.data.check import count_sources
from mtzoo.data.stats import SIZES, DataStats, classes_without_labels
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.progress import show_progress
from mtzoo.visualization.bars import Bar, bar_picture
from mtzoo.visualization.colors import ColorBGR, class_color
from mtzoo.visualization.sheet import contact_sheet

SIZE_COLORS: tuple[ColorBGR, ...] = ((90, 170, 245), (80, 140, 70), (170, 90, 50), (180, 180, 180))
WIDTH = 900
Classes = Mapping[str, Sequence[str]]


def add_stats_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=output_file("--out"), default=None, metavar="FILE",
                        help="also draw the counts, as .png")
    parser.add_argument("--split", choices=("train", "val"), default="train", help="which sources (train)")
    parser.add_argument("--workers", type=processes("--workers"), default=None, metavar="N",
                        help="decoding threads; default: one for each core")


def run_stats(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.engine.distributed import run_console
    from mtzoo.engine.evaluate import task_data
    from mtzoo.recipes.data_folders import say_folders

    if args.out and args.out.suffix.lower() != ".png":
        raise UserError(f"--out {args.out}: the picture is a PNG; name it so")
    if args.out and args.out.exists():
        raise UserError(f"--out {args.out}: exists already; name another file, nothing is overwritten")
    config = config_from_arguments(args, "data stats", parts.train_labels if args.split == "train" else parts.val_labels)
    say_folders(config, run_console(), args.split)
    with show_progress(f"counting {args.split}") as on_progress:
        stats = count_sources(task_data(config, args.split), on_progress, args.workers)
    say(f"{numbered(stats.images, 'image')} in {args.split}")
    for table in (*object_tables(stats, config.classes), *pixel_tables(stats, config.classes), *image_tables(stats, config.classes)):
        say(table)
    for line in classes_without_labels(stats, config.classes):
        say(f"warning: {line}")
    if args.out:
        picture = stats_picture(stats, config.classes)
        write_whole(args.out, cv2.imencode(".png", picture)[1].tobytes(), "choose another --out")
        say(f"picture: {args.out}")
    return 0


def object_tables(stats: DataStats, classes: Classes) -> list[Table]:
    """A table of boxes by class and size for each detection task."""
    tables = []
    for task, counts in stats.objects.items():
        table = Table(title=f"{task}: objects in {stats.labelled[task]} images", caption="images: where the class is labelled")
        table.add_column("class")
        for column in ("images", *SIZES, "all"):
            table.add_column(column, justify="right")
        for name, known, row in zip(classes[task], stats.known[task], counts):
            table.add_row(name, *(f"{n:,}" for n in (known, *row, row.sum())))
        tables.append(table)
    return tables


def pixel_tables(stats: DataStats, classes: Classes) -> list[Table]:
    """A table of pixels by class for each segmentation task; shares are of the labelled pixels."""
    tables = []
    for task, counts in stats.pixels.items():
        table = Table(title=f"{task}: pixels of {stats.labelled[task]} labelled images")
        table.add_column("class")
        table.add_column("Mpx", justify="right")
        table.add_column("share", justify="right")
        labelled = max(int(counts[:-1].sum()), 1)
        for name, count in zip(classes[task], counts):
            table.add_row(name, f"{count / 1e6:,.3f}", f"{100 * count / labelled:.2f} %")
        table.add_section()
        table.add_row("ignored", f"{counts[-1] / 1e6:,.3f}", "")
        tables.append(table)
    return tables


def image_tables(stats: DataStats, classes: Classes) -> list[Table]:
    """A table of images by class for each classification task."""
    tables = []
    for task, counts in stats.images_of.items():
        table = Table(title=f"{task}: {stats.labelled[task]} labelled images")
        for column in ("class", "images", "share"):
            table.add_column(column, justify="left" if column == "class" else "right")
        for name, count in zip(classes[task], counts):
            table.add_row(name, f"{count:,}", f"{100 * count / max(int(counts.sum()), 1):.2f} %")
        tables.append(table)
    return tables


def stats_picture(stats: DataStats, classes: Classes) -> np.ndarray:
    """A chart of each task, one below the other. (H, W, 3) uint8 BGR."""
    legend = list(zip(SIZES, SIZE_COLORS))
    charts = [bar_picture(f"{task}: objects by size", object_bars(classes[task], stats.known[task], counts), legend=legend, width=WIDTH)
              for task, counts in stats.objects.items()]
    for task, counts in stats.pixels.items():
        labelled = max(int(counts[:-1].sum()), 1)
        bars = [Bar(name, ((float(n), class_color(name)),), f"{100 * n / labelled:.2f} %") for name, n in zip(classes[task], counts)]
        charts.append(bar_picture(f"{task}: labelled pixels", bars, width=WIDTH))
    for task, counts in stats.images_of.items():
        bars = [Bar(name, ((float(n), class_color(name)),), f"{n:,}") for name, n in zip(classes[task], counts)]
        charts.append(bar_picture(f"{task}: labelled images", bars, width=WIDTH))
    return contact_sheet([[chart] for chart in charts], cell_width=WIDTH)


def object_bars(names: Sequence[str], known: np.ndarray, counts: np.ndarray) -> list[Bar]:
    """A bar of sizes for each class. known: (K,) images in which it is labelled; counts: (K, 4)."""
    notes = [f"{row.sum():,}" if images else "not labelled" for images, row in zip(known, counts)]
    return [Bar(name, tuple((float(n), color) for n, color in zip(row, SIZE_COLORS)), note)
            for name, row, note in zip(names, counts, notes)]
