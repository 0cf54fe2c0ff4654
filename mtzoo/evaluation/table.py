"""Metrics as a table for the terminal."""

import math
from collections.abc import Mapping

from rich.table import Table

from mtzoo.task_kind import KINDS

SUMMARY = {"mIoU": "IoU"}  # the mean over classes stands in its classes' column
METRICS = tuple(dict.fromkeys(metric for kind in KINDS.values() for metric in (*kind.class_metrics, *kind.metrics)
                              if metric not in SUMMARY))
MAIN_METRICS = tuple(kind.main_metric for kind in KINDS.values())


def _split_key(key: str) -> tuple[str, str, str]:
    """"task[/source]/metric[/class]" -> row name, class, metric column; the class of a mean is "all"."""
    parts = key.split("/")
    at = next(i for i, part in enumerate(parts) if i > 0 and (part in METRICS or part in SUMMARY))
    label = "/".join(parts[at + 1:]) or "all"
    return "/".join(parts[:at]), label, SUMMARY.get(parts[at], parts[at])


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return "no ground truth" if math.isnan(value) else f"{value:.2f}"


def format_table(metrics: Mapping[str, float]) -> Table:
    """One row per task (and source) and class, means first; values in percent. `metrics` as from Evaluator.compute."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for key, value in metrics.items():
        name, label, column = _split_key(key)
        rows.setdefault((name, label), {})[column] = value
    columns = [c for c in METRICS if any(c in row for row in rows.values())]
    table = Table("task", "class", *columns, title="percent")
    table.columns[0].overflow = "fold"  # a task's name is not cut short
    for column in table.columns[2:]:
        column.justify = "right"
    previous = None
    for (name, label), row in rows.items():
        if previous not in (None, name):
            table.add_section()
        table.add_row(name if name != previous else "", label, *(_cell(row.get(c)) for c in columns))
        previous = name
    return table


def summary_line(metrics: Mapping[str, float]) -> str:
    """The mean over classes of each task, without its sources: "det_person AP50 41.30, seg_default mIoU 62.11, in percent"."""
    means = [f"{name} {metric} {_cell(metrics[key])}" for key in metrics
             for name, _, metric in [key.rpartition("/")] if "/" not in name and metric in MAIN_METRICS]
    return f"{', '.join(means)}, in percent"


def side_by_side(forms: Mapping[str, Mapping[str, float]]) -> Table:
    """A row per task, source and metric, the mean over classes; a column per form of a network, then what the last one gains.

    forms: form -> metrics as from Evaluator.compute; all have the same keys.
    """
    first, *_, last = forms
    table = Table("task", "metric", *forms, "", title="percent")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify = "right"
    for key, value in forms[first].items():
        name, label, _ = _split_key(key)
        if label == "all":
            gain = forms[last][key] - value
            table.add_row(name, key.rpartition("/")[2], *(_cell(form[key]) for form in forms.values()),
                          change_text(gain))
    return table


def change_text(gain: float) -> str:
    """With its sign; "" where nothing is known."""
    return "" if math.isnan(gain) else f"{hundredths(gain):+.2f}"


def hundredths(value: float) -> float:
    """Rounded as it is printed, never to -0.0: that would be "-0.00"."""
    return round(value, 2) + 0.0
