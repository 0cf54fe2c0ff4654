"""What was found when executors were compared, as tables."""

from collections.abc import Collection

from rich.table import Table

from mtzoo.console import numbered
from mtzoo.runtime.answers import ANSWERS
from mtzoo.runtime.every_executor import runtime_version
from mtzoo.runtime.tally import Tally
from mtzoo.runtime.verify import VerifyReport
from mtzoo.runtime.verify_mixed import Distances
from mtzoo.task_kind import ByKind


def output_table(report: VerifyReport) -> Table:
    """A row for each output, a column for each executor."""
    table = Table(title=f"differing of compared values, {numbered(report.images, 'image')}")
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


COLUMNS: ByKind[str] = ByKind({"segmentation": "label maps", "detection": "boxes", "classification": "classes"})
"""Titles of answers after post-processing."""


def executor_table(report: VerifyReport) -> Table:
    """A row for each executor, with its version; outputs by what they are."""
    table = Table("executor", "version", "maps", *COLUMNS.values(), "px",
                  title=f"differing of compared values, {numbered(report.images, 'image')}",
                  caption="maps: as the network leaves them; px: the largest difference of a box")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, tally in report.executors.items():
        version = "-" if name == "integer" else runtime_version(name)
        answers = [ANSWERS[kind].output for kind in COLUMNS]
        maps = {end for output in tally.values if (end := output.rpartition(".")[2]) not in answers}
        table.add_row(name, version, *(_differing(tally, ends) for ends in (maps, *({end} for end in answers))), _box_error(tally))
    return table


def _differing(tally: Tally, ends: Collection[str]) -> str:
    own = [output for output in tally.values if output.rpartition(".")[2] in ends]
    return f"{sum(tally.mismatches[o] for o in own):,} of {sum(tally.values[o] for o in own):,}" if own else "-"


def _box_error(tally: Tally) -> str:
    return f"{tally.box_error:.1e}" if any(output.endswith(".boxes") for output in tally.values) else "-"


def distance_table(distances: Distances) -> Table:
    """A row per executor and task: how many raw values differ from torch, and by how much."""
    table = Table("executor", "task", "differing raw values", "largest difference", "in steps", title="distance from torch")
    for column in table.columns[2:]:
        column.justify = "right"
    for executor, tasks in distances.items():
        for task, found in tasks.items():
            steps = "float" if found.steps is None else f"{found.steps:.2f}"
            table.add_row(executor, task, f"{found.differing:,} of {found.values:,}", f"{found.largest:.1e}", steps)
    return table
