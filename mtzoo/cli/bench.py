"""Measure the median latency of a deploy model and of the same network in float, in torch, ONNX Runtime and OpenVINO.

    mtzoo bench --model work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --threads 2
    mtzoo bench --model work_dirs/PRUNED/int-inference-export-last.onnx --base work_dirs/RUN/int-inference-export-last.onnx
    mtzoo bench --model model.onnx --images drive/
    mtzoo bench --resize resize.onnx --crop crop.onnx --images drive/

Every variant runs network and post-processing on one image of the deploy size. --images measures whole frames instead, stage by stage:
decode, resize, layout, network in OpenVINO, boxes, label maps, drawing. Let nothing else run meanwhile.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.bench_frames import bench_frames
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser
from mtzoo.errors import UserError
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.runtime.bench import BenchReport

HELP = "measure latency and size, float against int8; or the stages of a frame"


def add_arguments(parser: Parser) -> None:
    parser.add_subject("--model", required=False, metavar="MODEL",
                       help="an .onnx deploy model, or a zoo model's name (not with --resize and --crop)")
    parser.add_argument("--base", metavar="MODEL",
                        help="another deploy model, measured in the same rounds, e.g. the original of a pruned one")
    parser.add_argument("--images", type=Path, metavar="IMAGES", help="measure whole frames of this image or folder of images")
    parser.add_argument("--resize", metavar="MODEL", help="of a pair: the model of the whole image; needs --images")
    parser.add_argument("--crop", metavar="MODEL", help="of a pair: the model of a window at full resolution; needs --images")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=50, help="interleaved rounds, or frames (50)")
    parser.add_argument("--json", type=output_file("--json"), metavar="FILE", help="also write the figures to this file")


def run(args: argparse.Namespace) -> int:
    check_models(args)
    return bench_frames(args) if args.images else bench_network(args)


def check_models(args: argparse.Namespace) -> None:
    """Raises UserError unless one model is named, or with --images a pair."""
    if (args.resize is None) != (args.crop is None) or args.resize and not args.images:
        raise UserError("--resize, --crop and --images go together; name both models and images, or one model alone")
    if (args.model is None) == (args.resize is None):
        raise UserError("name one model, or a pair by --resize, --crop and --images")


def bench_network(args: argparse.Namespace) -> int:
    """One network, or two side by side, in float and in integers."""
    from mtzoo.progress import show_progress
    from mtzoo.recipes.bench import bench

    with show_progress("measuring", transient=True) as on_progress:
        result = bench(args.model, base=args.base, threads=args.threads, runs=args.runs,
                       on_round=lambda done: on_progress(done, args.runs))
    print_report(result.model, result.base)
    if args.json:
        values = asdict(result.model) | ({"base": asdict(result.base)} if result.base else {})
        write_json(args.json, values, "choose another --json")
    return 0


def print_report(report: "BenchReport", base: "BenchReport | None") -> None:
    """A row for each variant, then sizes and ratios."""
    from mtzoo.console import say
    from mtzoo.runtime.bench_table import latency_table

    say(latency_table(report, base))
    form, size, parameters = report.form, report.bytes[report.form], report.parameters
    say(f"file: {form} {size:,} bytes ({size / parameters:.2f} per parameter, {parameters:,} parameters), "
        f"fp32 {report.bytes['fp32']:,} bytes")
    say(f"{form} is {report.speedup_over_float:.2f} times as fast as the faster fp32 runtime, "
        f"{report.speedup_over_bf16:.2f} times as fast as bf16")
    if report.batch > 1:
        say(f"{report.latency_ms[report.deployed] / report.batch:.2f} ms an image, {report.batch} at once")
    if base:
        say(f"base: {base.form} {base.bytes[base.form]:,} bytes, {base.parameters:,} parameters: "
            f"{base.bytes[base.form] / size:.2f} times as large")
    if form != "int8":
        say(f"{form}: NOT an integer network" + ("; what is not 8 bits runs in float" if form == "mixed" else ""))
