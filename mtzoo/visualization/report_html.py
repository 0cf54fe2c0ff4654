"""What a report's page says: figures in words, charts, tables; how it looks stands in report.html.jinja."""

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mtzoo.errors import one_line
from mtzoo.visualization.charts import Point, bar_chart, line_chart, step_chart
from mtzoo.visualization.report_model import EXECUTORS, Chart, NodeShare, Report, StepReport

MIN_SPAN = 10
"""Percentage points that a metric's chart shows at least."""


def render_html(report: Report) -> str:
    """The whole page. Sections without figures are left out."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
                              finalize=as_shown, trim_blocks=True)
    return environment.get_template("report.html.jinja").render(
        report=report, headline=headline(report), metrics=metrics_values(report.steps), losses=loss_charts(report.steps),
        validation=validation_chart(report.steps), pictures=picture_rows(report.steps), verify=verify_rows(report),
        latency=latency_chart(report), bytes=bytes_chart(report), nodes=node_values(report))


def as_shown(value: Any) -> Any:
    """A text without control characters, of which HTML may hold hardly any; what the template has made itself as it is."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def chart(title: str, svg: bytes | None) -> Chart | None:
    return None if svg is None else Chart(title, svg)


def headline(report: Report) -> list[tuple[str, str]]:
    """(label, value) of the cards: the last step's first metric of each task, equality, the fastest executor."""
    cards = []
    last = next((s for s in reversed(report.steps) if s.metrics), None)
    for task, names in group_metrics([last] if last else []).items():
        cards.append((f"{task} {names[0]}", f"{last.metrics[f'{task}/{names[0]}']:.1f}"))
    if report.verify:
        differing = sum(report.verify.mismatches.values())
        cards.append((f"differing of {report.verify.values:,} values x {len(report.verify.mismatches)} executors", f"{differing:,}"))
    if report.latency_ms:
        fastest = min(report.latency_ms, key=report.latency_ms.__getitem__)
        cards.append((f"per image, {fastest}", f"{report.latency_ms[fastest]:.1f} ms"))
    return cards


def group_metrics(steps: Sequence[StepReport]) -> dict[str, list[str]]:
    """Task -> its headline metrics, those of two parts ("det_person/AP50")."""
    groups: dict[str, list[str]] = {}
    for key in dict.fromkeys(chain.from_iterable(step.metrics for step in steps)):
        task, _, name = key.partition("/")
        if name and "/" not in name:
            groups.setdefault(task, []).append(name)
    return groups


def metrics_values(steps: Sequence[StepReport]) -> dict[str, Any]:
    """A chart per task, the headline figures as a table, and every figure."""
    groups, names = group_metrics(steps), [step.name for step in steps]
    charts = []
    for task, metrics in groups.items():
        lines = {metric: [step.metrics.get(f"{task}/{metric}") for step in steps] for metric in metrics}
        charts.append((task, chart(task, step_chart(lines, names, y_label="percent", min_span=MIN_SPAN))))
    main = [f"{task}/{metric}" for task, metrics in groups.items() for metric in metrics]
    every = list(dict.fromkeys(chain.from_iterable(step.metrics for step in steps)))
    return {"charts": charts, "head": ["metric, percent", *names, "change"], "main": metrics_rows(steps, main),
            "every": metrics_rows(steps, every)}


def metrics_rows(steps: Sequence[StepReport], keys: Sequence[str]) -> list[list[str]]:
    """A row per metric, a column per step, then what changed from the first step that has it to the last."""
    rows = []
    for key in keys:
        values = [step.metrics.get(key) for step in steps]
        known = [v for v in values if v is not None]
        change = f"{known[-1] - known[0]:+.2f}" if len(known) > 1 else ""
        rows.append([key, *("–" if v is None else f"{v:.2f}" for v in values), change])
    return rows


def loss_charts(steps: Sequence[StepReport]) -> dict[str, Chart | None]:
    """Sums per task over all steps, and every loss, if there are others. Iterations count on from step to step."""
    curves: dict[str, list[Point]] = {}
    sums: dict[str, list[Point]] = {}
    marks: list[tuple[float, str]] = []
    offset = 0
    for step in (s for s in steps if s.loss_curve):
        marks.append((offset, step.name))
        for iteration, losses in step.loss_curve:
            totals: dict[str, float] = {}
            for key, value in losses.items():
                curves.setdefault(key, []).append((offset + iteration, value))
                group = key.partition(".")[0]
                totals[group] = totals.get(group, 0.0) + value
            for group, value in totals.items():
                sums.setdefault(group, []).append((offset + iteration, value))
        offset += step.loss_curve[-1][0]
    every = None if set(curves) == set(sums) else line_chart(curves, x_label="iteration", y_label="loss", marks=marks)
    total = line_chart(sums, x_label="iteration", y_label="loss, sum per task", marks=marks)
    return {"sums": chart("losses, sum per task", total), "every": chart("every loss", every)}


def validation_chart(steps: Sequence[StepReport]) -> Chart | None:
    """The headline metrics over the iterations of all steps."""
    curves: dict[str, list[Point]] = {}
    marks: list[tuple[float, str]] = []
    offset = 0
    for step in steps:
        if step.validation:
            marks.append((offset, step.name))
        for iteration, metrics in step.validation:
            for key, value in metrics.items():
                if key.count("/") == 1 and math.isfinite(value):
                    curves.setdefault(key, []).append((offset + iteration, value))
        offset += max([at for at, _ in (*step.loss_curve, *step.validation)], default=0)
    return chart("validation during training", line_chart(curves, x_label="iteration", y_label="percent", marks=marks))


def picture_rows(steps: Sequence[StepReport]) -> dict[str, Any]:
    """A row per image, a column per step that has pictures; None where a step has none of an image."""
    shown = [step for step in steps if step.pictures]
    by_step = [{picture.title: picture for picture in step.pictures} for step in shown]
    titles = dict.fromkeys(chain.from_iterable(by_step))
    return {"steps": [step.name for step in shown], "rows": [(title, [found.get(title) for found in by_step]) for title in titles]}


def verify_rows(report: Report) -> list[list[str]]:
    counts = report.verify
    return [] if counts is None else [[name, f"{counts.mismatches[name]:,}", f"{counts.values:,}"] for name in EXECUTORS]


def latency_chart(report: Report) -> Chart | None:
    slowest = max(report.latency_ms.values(), default=0.0)
    notes = {name: f"{ms:.1f} ms · {slowest / ms:.1f}x" if ms > 0 else f"{ms:.1f} ms" for name, ms in report.latency_ms.items()}
    return chart(", ".join(f"{name} {note}" for name, note in notes.items()), bar_chart(report.latency_ms, notes))


def bytes_chart(report: Report) -> Chart | None:
    notes = {name: f"{size / 1e6:.3f} MB" for name, size in report.bytes.items()}
    return chart(", ".join(f"{name} {note}" for name, note in notes.items()), bar_chart(report.bytes, notes))


def node_values(report: Report) -> dict[str, Any]:
    """Shares of multiply-accumulates as bars, then the figures."""
    nodes = report.nodes
    macs, params = sum(n.macs for n in nodes), sum(n.params for n in nodes)
    notes = {n.name: f"{percent(n.macs, macs)} of MACs · {percent(n.params, params)} of parameters" for n in nodes}
    every_task = set(chain.from_iterable(n.tasks for n in nodes))
    rows = [[n.name, f"{n.macs / 1e9:.3f}", percent(n.macs, macs), f"{n.params / 1e3:,.1f}", percent(n.params, params),
             task_names(n, every_task)] for n in nodes]
    total = [["sum", f"{macs / 1e9:.3f}", "", f"{params / 1e3:,.1f}", "", ""]] if rows else []
    return {"chart": chart("share of each node", bar_chart({n.name: n.macs for n in nodes}, notes)), "rows": rows + total}


def task_names(node: NodeShare, every_task: set[str]) -> str:
    return f"all {len(every_task)}" if len(node.tasks) > 1 and set(node.tasks) == every_task else ", ".join(node.tasks)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
