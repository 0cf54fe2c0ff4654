"""Run a deploy model in every executor on the same images and count the values that differ from the validated network.

    mtzoo verify --model work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --images drive/

The reference is the fake-quant torch network, rebuilt from the file. Exit code 0: no value differs; 1: some do. For a file that is
not an integer network (BN, float or 16-bit parts, scales of any value) equality is not promised; then the distance of the runtimes
from torch is printed. --executors all compares every installed runtime, also with its default settings, and names those that cannot
run the file.

A file that was changed after its export is refused, by the hash in it.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.parser import Parser

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.runtime.verify import VerifyReport

HELP = "count the output values that differ between executors: 0"
DIFFERS = 1
UNPROVEN = ("the file holds no hash of its content (an earlier version wrote it) and has no sidecar: whether its integers are "
            "those that were exported cannot be proven; export it again")
NOT_PROMISED = "NOT an integer network: equality is not promised, the distances are those of float sums in another order"


def add_arguments(parser: Parser) -> None:
    parser.add_subject("--model", metavar="MODEL", help="an .onnx deploy model, or a zoo model's name")
    parser.add_argument("--images", type=Path, required=True, metavar="IMAGES", help="an image of any size, or a folder of images")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="at most N images, spread evenly")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads of the runtimes (2)")
    parser.add_argument("--executors", choices=("deploy", "all"), default="deploy",
                        help="deploy: those of `predict`; all: every installed runtime, also with its default settings (deploy)")


def run(args: argparse.Namespace) -> int:
    from mtzoo.console import say
    from mtzoo.progress import show_progress
    from mtzoo.recipes.verify import verify
    from mtzoo.runtime.verify_table import distance_table

    every = args.executors == "all"
    with show_progress("verifying", transient=True) as on_progress:
        result = verify(args.model, args.images, limit=args.limit, threads=args.threads, every=every, on_progress=on_progress)
    if result.report is None:
        say(distance_table(result.distances))
        say(NOT_PROMISED)
    else:
        print_report(result.report, every=every)
    if not result.proven:
        say(UNPROVEN)
    return DIFFERS if result.report and not result.report.passed else 0


def print_report(report: "VerifyReport", *, every: bool = False) -> None:
    """Differing of compared values; every: a row for each executor, else a row for each output."""
    from mtzoo.console import say
    from mtzoo.runtime.verify_table import executor_table, output_table

    say(executor_table(report) if every else output_table(report))
    for name, reason in report.refused.items():
        say(f"{name} cannot run the file: {reason}")
    say("equal" if report.passed else "NOT equal")
