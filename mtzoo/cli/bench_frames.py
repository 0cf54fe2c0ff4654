"""`mtzoo bench --images`: a model or a pair on image files, and a table of where a frame's time goes."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from mtzoo.errors import UserError
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from rich.table import Table

    from mtzoo.runtime.frame_times import FrameTimes


def bench_frames(args: argparse.Namespace) -> int:
    """args: of `mtzoo bench`."""
    from mtzoo.console import say
    from mtzoo.progress import show_progress
    from mtzoo.recipes.bench_frames import bench_frames as measure

    if args.base:
        raise UserError("--base: only networks are compared side by side; leave it or --images out")
    model = (args.resize, args.crop) if args.resize else args.model
    with show_progress("measuring", transient=True) as on_progress:
        report = measure(model, args.images, threads=args.threads, runs=args.runs, on_round=lambda done: on_progress(done, args.runs))
    say(frame_table(report))
    say(f"all but decode, network and drawing: {report.host_ms:.2f} ms")
    if args.json:
        write_json(args.json, asdict(report) | {"host_ms": report.host_ms}, "choose another --json")
    return 0


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
