"""Evaluate a resize and a crop model, each alone and merged, by box size, and measure the pair against one network.

    mtzoo eval-pair --resize resize.onnx --crop crop.onnx
    mtzoo eval-pair --resize resize.onnx --crop crop.onnx --cfg-options data_root=DIR --runs 0

The data are the validation sources of the crop model's config, in original pixels. Latencies are measured in OpenVINO: both networks
and the merge, against the resize network on the whole image at full resolution. Let nothing else run meanwhile.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.outputs import output_file
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.engine.pair import BoxFigures, OtherFigures
    from mtzoo.runtime.bench_pair import PairBenchReport

HELP = "evaluate a resize and a crop model, alone and merged, and measure the pair's latency"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resize", required=True, metavar="MODEL", help="the model of the whole image")
    parser.add_argument("--crop", required=True, metavar="MODEL", help="the model of a window at full resolution")
    parser.add_argument("--window", type=Path, metavar="FILE", help="the position of the window, as for `mtzoo predict`")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="at most N images of each folder")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=at_least(0, "--runs"), default=30,
                        help="interleaved rounds of the latency measurement, 0 for none (30)")
    parser.add_argument("--json", type=output_file("--json"), metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--render", action="store_true", help="render missing synthetic scenes of the crop model's config")
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help="override the data of the crop model's config: sources, data_root, tasks.NAME.val, env")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.arguments import parse_options
    from mtzoo.recipes.pair import evaluate_pair

    result = evaluate_pair(args.resize, args.crop, window=args.window, options=parse_options(args.cfg_options), limit=args.limit,
                           threads=args.threads, runs=args.runs, render=args.render)
    print_figures(result.boxes, result.others)
    if result.latency:
        print_latency(result.latency)
    if args.json:
        figures = {"boxes": result.boxes, **result.others, "latency": result.latency and asdict(result.latency)}
        write_json(args.json, figures, "choose another --json")
    return 0


def print_figures(boxes: "dict[str, BoxFigures]", others: "OtherFigures") -> None:
    """A table each for AP50 and AP, with a row for each task and who and a column for each size; then tasks without boxes."""
    from rich.table import Table

    from mtzoo.console import say
    from mtzoo.evaluation.detection import SIZES

    for metric in ("AP50", "AP"):
        table = Table("task", "who", title=f"{metric}, percent; small is below 32x32 original pixels, large from 96x96")
        for size in SIZES:
            table.add_column(size, justify="right")
        for task in next(iter(boxes.values())):
            for who, figures in boxes.items():
                table.add_row(task if who == next(iter(boxes)) else "", who, *(f"{figures[task][metric][s]:.1f}" for s in SIZES))
            table.add_section()
        say(table)
    for metric, figures in others.items():
        for task in next(iter(figures.values())):
            say(f"{task} {metric}: " + ", ".join(f"{who} {values[task]:.1f}" for who, values in figures.items()))


def print_latency(report: "PairBenchReport") -> None:
    """One line for each part, then the ratio."""
    from mtzoo.console import numbered, say

    height, width = report.original_hw
    parts = ", ".join(f"{name} {ms:.1f} ms" for name, ms in report.latency_ms.items())
    say(f"{report.machine}; {numbered(report.threads, 'thread')}, batch 1, {width}x{height}, median of {report.runs} interleaved runs")
    say(parts)
    say(f"pair {report.pair_ms:.1f} ms, one network on the whole image {report.latency_ms['whole image']:.1f} ms: "
        f"the pair is {report.speedup:.2f} times as fast")
