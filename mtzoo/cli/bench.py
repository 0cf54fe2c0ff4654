"""Median latency of a deploy model and of the same network in float: torch, ONNX Runtime, OpenVINO, side by side in one run.

    mtzoo bench work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --threads 2

Every variant runs network and post-processing on one image of the deploy size. Let nothing else run meanwhile.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.runtime.bench import BenchReport

HELP = "median latency and size, float against int8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an .onnx deploy model, or a zoo model's name")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=int, default=50, help="interleaved rounds (50)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def run(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from mtzoo.files import write_whole
    from mtzoo.locate import find_model
    from mtzoo.runtime.bench import bench

    path = find_model(args.model)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=args.runs)
        report = bench(path, args.threads, args.runs, on_round=lambda done: bar.update(task, completed=done))
    print_report(report)
    if args.json:
        write_whole(args.json, json.dumps(asdict(report), indent=1).encode(), "choose another --json")
    return 0


def print_report(report: "BenchReport") -> None:
    """A row for each variant, then sizes and ratios."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report.machine}; {report.threads} threads, batch 1, {report.runs} interleaved runs")
    for column in ("variant", "median ms", "minimum ms", f"{report.form} is faster by"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    fastest = report.latency_ms[report.deployed]
    for name, median in report.latency_ms.items():
        table.add_row(name, f"{median:.1f}", f"{report.latency_min_ms[name]:.1f}", f"{median / fastest:.2f} x")
    console = Console()
    console.print(table)
    form, size, parameters = report.form, report.bytes[report.form], report.parameters
    console.print(f"file: {form} {size:,} bytes ({size / parameters:.2f} per parameter, {parameters:,} parameters), "
                  f"fp32 {report.bytes['fp32']:,} bytes", highlight=False)
    console.print(f"{form} is {report.speedup_over_float:.2f} times as fast as the faster fp32 runtime, "
                  f"{report.speedup_over_bf16:.2f} times as fast as bf16", highlight=False)
    if form != "int8":
        console.print("mixed: NOT an integer network; what is not 8 bits runs in float", highlight=False)
