"""`mtzoo bench --pipeline`: a model or a pair on image files, and a table of where a frame's time goes."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.errors import UserError
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from rich.table import Table

    from mtzoo.engine.frame_times import FrameTimes
    from mtzoo.runtime import DeployModel, ModelPair


def bench_frames(args: argparse.Namespace) -> int:
    """args: of `mtzoo bench`."""
    from mtzoo.cli.progress import show_progress
    from mtzoo.console import say
    from mtzoo.engine.frame_times import time_frames

    if args.base:
        raise UserError("--base: only networks are compared side by side; leave it or --pipeline out")
    files, model = image_files(args.pipeline), load(args)
    with show_progress("measuring", transient=True) as on_progress:
        report = time_frames(model, files, args.threads, args.runs, lambda done: on_progress(done, args.runs))
    say(frame_table(report))
    say(f"all but decode, network and drawing: {report.host_ms:.2f} ms")
    if args.json:
        write_json(args.json, asdict(report) | {"host_ms": report.host_ms}, "choose another --json")
    return 0


def image_files(path: Path) -> list[Path]:
    """The image, or all images below the folder. Raises UserError if there is none."""
    from mtzoo.data.images import IMAGE_SUFFIXES
    from mtzoo.data.input_files import check_file, images_below, is_folder

    if is_folder(path):
        return images_below(path, "--pipeline")
    check_file(path, IMAGE_SUFFIXES)
    return [path]


def load(args: argparse.Namespace) -> "DeployModel | ModelPair":
    """What `mtzoo predict` would load, for OpenVINO."""
    from mtzoo.locate import find_model
    from mtzoo.recipes.models import load_pair
    from mtzoo.runtime import DeployModel

    if args.resize:
        return load_pair(find_model(args.resize), find_model(args.crop), None, "openvino", args.threads)
    return DeployModel.load(find_model(args.model), threads=args.threads)


def frame_table(report: "FrameTimes") -> "Table":
    """A row for each stage, then the whole."""
    from rich.table import Table

    from mtzoo.console import numbered

    size = f"{report.original_hw[0]}x{report.original_hw[1]}" if report.original_hw else "of different sizes"
    table = Table("stage", title=f"{report.machine}; {numbered(report.threads, 'thread')}, {numbered(report.runs, 'frame')} of "
                                 f"{numbered(report.images, 'image')}, {size}",
                  caption="network: with boxes and label maps inside, where the file has them")
    for column in ("median ms", "minimum ms", "share"):
        table.add_column(column, justify="right")
    for stage, of, median, quickest in report.rows:
        table.add_row(f"{stage}, {of}" if of else stage, f"{median:.2f}", f"{quickest:.2f}", f"{median / report.total_ms:.1%}")
    table.add_section()
    table.add_row("all", f"{report.total_ms:.2f}", "", "100.0%")
    return table
