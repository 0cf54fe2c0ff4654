"""Run a deploy model in every executor on the same images and count the values that differ from the validated network.

    mtzoo verify work_dirs/4pe_resize-multitask/int-inference-export-last.onnx --images drive/

The reference is the fake-quant torch network, rebuilt from the file. Exit code 0: none differs; 1: some do. Of a file that is no
integer network (BN, float or 16-bit parts, scales of any value) equality is not promised: then it prints how far the
runtimes are from torch. With --executors all each runtime is compared with the settings that its users have, also
those that `predict` does not use; what cannot run the file is named.

A file whose content is no longer what was exported is refused, by the hash that it holds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.input_files import images_below, is_folder
from mtzoo.cli.numbers import at_least, processes
from mtzoo.errors import UserError

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from rich.table import Table

    from mtzoo.runtime import VerifyReport
    from mtzoo.runtime.verify import Tally
    from mtzoo.runtime.verify_mixed import Distances

HELP = "count the values that differ between executors: 0 of all"
DIFFERS = 1
UNPROVEN = ("the file holds no hash of its content (an earlier version wrote it) and has no sidecar: whether its integers are "
            "those that were exported cannot be proven; export it again")
NOT_PROMISED = "NOT an integer network: equality is not promised, the distances are those of float sums in another order"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an .onnx deploy model, or a zoo model's name")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of images of any size")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="at most N images, spread evenly")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads of the runtimes (2)")
    parser.add_argument("--executors", choices=("deploy", "all"), default="deploy",
                        help="deploy: the two that predict has; all: each runtime with the settings that its users have (deploy)")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.progress import counted, show_progress
    from mtzoo.console import say
    from mtzoo.data.images import read_image
    from mtzoo.export.load import read_deploy_file
    from mtzoo.export.reference import reference_network
    from mtzoo.locate import find_model
    from mtzoo.runtime import verify
    from mtzoo.runtime.verify_mixed import verify_mixed

    files = list_images(args.images, args.limit)
    file = read_deploy_file(find_model(args.model))
    with show_progress("verifying", transient=True) as on_progress:
        images = (read_image(path) for path in counted(files, on_progress))
        if not file.info.integer:
            if args.executors == "all":
                raise UserError(f"{file.path}: no integer network, so no executors are promised to be equal; leave --executors out")
            distances = verify_mixed(reference_network(file), file, images, threads=args.threads)
        else:
            report = verify(file.path, images, threads=args.threads, every=args.executors == "all")
    if not file.info.integer:
        say(distance_table(distances))
        say(NOT_PROMISED)
    else:
        print_report(report, every=args.executors == "all")
    if not file.proven:
        say(UNPROVEN)
    return 0 if not file.info.integer or report.passed else DIFFERS


def list_images(folder: Path, limit: int | None) -> list[Path]:
    """Images below `folder`, at most `limit` of them, evenly spread; what else is there is told. Raises UserError if there is none."""
    if not is_folder(folder):
        raise UserError(f"--images {folder}: no such folder; name one with images")
    files = images_below(folder, "--images")
    count = min(limit or len(files), len(files))
    return [files[i * len(files) // count] for i in range(count)]


def print_report(report: "VerifyReport", *, every: bool = False) -> None:
    """Differing of compared values; every: a row for each executor, else a row for each output."""
    from mtzoo.console import say

    say(executor_table(report) if every else output_table(report))
    for name, reason in report.refused.items():
        say(f"{name} cannot run the file: {reason}")
    say("equal" if report.passed else "NOT equal")


def output_table(report: "VerifyReport") -> "Table":
    """A row for each output, a column for each executor."""
    from rich.table import Table

    table = Table(title=f"differing of compared values, {report.images} images")
    table.add_column("output")
    for name in report.executors:
        table.add_column(name, justify="right")
    outputs = dict.fromkeys(output for tally in report.executors.values() for output in tally.values)
    for output in outputs:
        table.add_row(output, *(f"{t.mismatches[output]:,} of {t.values[output]:,}" if output in t.values else "-"
                                for t in report.executors.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(t.mismatches.values()):,} of {sum(t.values.values()):,}" for t in report.executors.values()))
    table.add_row("largest box difference, px", *(_box_error(t) for t in report.executors.values()))
    if any(t.float_error for t in report.executors.values()):
        table.add_row("largest difference behind a softmax or sigmoid", *(f"{t.float_error:.1e}" if t.float_error else "-"
                                                                          for t in report.executors.values()))
    return table


def executor_table(report: "VerifyReport") -> "Table":
    """A row for each executor, with its version; outputs by what they are."""
    from rich.table import Table

    from mtzoo.runtime.every_executor import runtime_version

    table = Table("executor", "version", "maps", "label maps", "boxes", "px",
                  title=f"differing of compared values, {report.images} images",
                  caption="maps: as the network leaves them; px: the largest difference of a box")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, tally in report.executors.items():
        version = "-" if name == "integer" else runtime_version(name)
        kinds = (lambda end: end not in ("labels", "boxes"), lambda end: end == "labels", lambda end: end == "boxes")
        table.add_row(name, version, *(_differing(tally, kind) for kind in kinds), _box_error(tally))
    return table


def _differing(tally: "Tally", belongs: Callable[[str], bool]) -> str:
    own = [output for output in tally.values if belongs(output.rpartition(".")[2])]
    return f"{sum(tally.mismatches[o] for o in own):,} of {sum(tally.values[o] for o in own):,}" if own else "-"


def _box_error(tally: "Tally") -> str:
    return f"{tally.box_error:.1e}" if any(output.endswith(".boxes") for output in tally.values) else "-"


def distance_table(distances: "Distances") -> "Table":
    """A row per executor and task: how many raw values differ from torch, and by how much."""
    from rich.table import Table

    table = Table("executor", "task", "differing raw values", "largest difference", "in steps", title="distance from torch")
    for column in table.columns[2:]:
        column.justify = "right"
    for executor, tasks in distances.items():
        for task, found in tasks.items():
            steps = "float" if found.steps is None else f"{found.steps:.2f}"
            table.add_row(executor, task, f"{found.differing:,} of {found.values:,}", f"{found.largest:.1e}", steps)
    return table
