"""A report as one HTML page that needs nothing else: inline CSS, inline SVG charts, pictures as data URIs."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain

from mtzoo.visualization.html_text import html_text
from mtzoo.visualization.report_model import EXECUTORS, Chart, Mistakes, NodeShare, Picture, Report, StepReport
from mtzoo.visualization.report_style import CSS
from mtzoo.visualization.svg import Point, bar_chart, line_chart, step_chart

MIN_SPAN = 10
"""Percentage points that a metric's chart shows at least."""


def render_html(report: Report) -> str:
    """The whole page. Sections without figures are left out."""
    sections = [
        ("Metrics per step", metrics_section(report.steps)),
        ("Losses", losses_section(report.steps)),
        ("Validation during training", validation_section(report.steps)),
        ("Predictions of each step on the same images", pictures_section(report.steps)),
        ("What the last step gets wrong", mistakes_section(report.mistakes)),
        ("Equality: values that differ from the validated network", verify_section(report)),
        ("Latency, median per image", latency_section(report)),
        ("File sizes", bytes_section(report)),
        ("Share of each node", nodes_section(report)),
        ("Notes", "".join(f"<p>{html_text(note)}</p>" for note in report.notes)),
    ]
    body = "".join(f"<section><h2>{html_text(title)}</h2>{content}</section>" for title, content in sections if content)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html_text(report.config)} · mtzoo report</title><style>{CSS}</style></head>"
            f"<body>{header(report)}<main>{body}</main></body></html>\n")


def header(report: Report) -> str:
    """What was run where, and the figures to see first."""
    facts = "".join(f"<span><b>{html_text(key)}</b> {html_text(value)}</span>" for key, value in report.environment.items())
    cards = "".join(f'<div class="card"><b>{html_text(value)}</b><span>{html_text(label)}</span></div>'
                    for label, value in headline(report))
    return (f"<header><h1>{html_text(report.config)}</h1><pre>{html_text(report.command)}</pre>"
            f'<p class="facts">{facts}</p><div class="cards">{cards}</div></header>')


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


def metrics_section(steps: Sequence[StepReport]) -> str:
    """A chart per task, the headline figures as a table, and every figure under a fold."""
    groups = group_metrics(steps)
    names = [step.name for step in steps]
    charts = []
    for task, metrics in groups.items():
        lines = {metric: [step.metrics.get(f"{task}/{metric}") for step in steps] for metric in metrics}
        chart = step_chart(lines, names, y_label="percent", min_span=MIN_SPAN)
        charts.append(f"<figure><figcaption>{html_text(task)}</figcaption>{chart}</figure>")
    main = [f"{task}/{metric}" for task, metrics in groups.items() for metric in metrics]
    every = list(dict.fromkeys(chain.from_iterable(step.metrics for step in steps)))
    if not every:
        return ""
    content = f'<div class="grid">{"".join(charts)}</div>{metrics_table(steps, main)}'
    if len(every) == len(main):
        return content
    return f"{content}<details><summary>All {len(every)} figures</summary>{metrics_table(steps, every)}</details>"


def metrics_table(steps: Sequence[StepReport], keys: Sequence[str]) -> str:
    """A row per metric, a column per step, then what changed from the first step that has it to the last."""
    rows = []
    for key in keys:
        values = [step.metrics.get(key) for step in steps]
        known = [v for v in values if v is not None]
        change = f"{known[-1] - known[0]:+.2f}" if len(known) > 1 else ""
        rows.append([key, *("–" if v is None else f"{v:.2f}" for v in values), change])
    return table(["metric, percent", *(step.name for step in steps), "change"], rows)


def losses_section(steps: Sequence[StepReport]) -> str:
    """Sums per task over all steps, then every loss under a fold. Iterations count on from step to step."""
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
    chart = line_chart(sums, x_label="iteration", y_label="loss, sum per task", marks=marks)
    if set(curves) == set(sums):
        return chart
    every = line_chart(curves, x_label="iteration", y_label="loss", marks=marks)
    return f"{chart}<details><summary>Every loss</summary>{every}</details>"


def validation_section(steps: Sequence[StepReport]) -> str:
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
    return line_chart(curves, x_label="iteration", y_label="percent", marks=marks) if curves else ""


def pictures_section(steps: Sequence[StepReport]) -> str:
    """A row per image, a column per step; a click enlarges."""
    shown = [step for step in steps if step.pictures]
    if not shown:
        return ""
    by_step = [{picture.title: picture for picture in step.pictures} for step in shown]
    head = "".join(f"<th>{html_text(step.name)}</th>" for step in shown)
    rows = []
    for title in dict.fromkeys(chain.from_iterable(by_step)):
        cells = "".join(f"<td>{zoomable(found[title]) if title in found else ''}</td>" for found in by_step)
        rows.append(f'<tr><td colspan="{len(shown)}" class="title">{html_text(title)}</td></tr><tr>{cells}</tr>')
    return f'<div class="scroll"><table class="pictures"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def mistakes_section(mistakes: Sequence[Mistakes]) -> str:
    """A chart for each task, and below it the images that went worst: labels on the left, prediction on the right."""
    parts = []
    for each in mistakes:
        parts.append(f"<h3>{html_text(each.task)}</h3>")
        if each.chart:
            parts.append(f'<div class="pictures chart">{zoomable(each.chart)}</div>')
        if each.worst:
            cells = "".join(f"<figure>{zoomable(picture)}<figcaption>{html_text(picture.title)}</figcaption></figure>"
                            for picture in each.worst)
            parts.append("<p>The images that went worst: labels on the left, prediction on the right.</p>"
                         f'<div class="pictures grid">{cells}</div>')
    return "".join(parts)


def zoomable(picture: Picture | Chart) -> str:
    """The checkbox is the state of the zoom, so that the page needs no script."""
    return f'<label><input type="checkbox"><img alt="{html_text(picture.title)}" src="{picture.data_uri}"></label>'


def verify_section(report: Report) -> str:
    counts = report.verify
    if counts is None:
        return ""
    rows = [[name, f"{counts.mismatches[name]:,}", f"{counts.values:,}"] for name in EXECUTORS]
    return f"<p>{counts.images:,} images.</p>" + table(["executor", "differing", "compared"], rows)


def latency_section(report: Report) -> str:
    if not report.latency_ms:
        return ""
    slowest = max(report.latency_ms.values())
    notes = {name: f"{ms:.1f} ms · {slowest / ms:.1f}x" if ms > 0 else f"{ms:.1f} ms" for name, ms in report.latency_ms.items()}
    return bar_chart(report.latency_ms, notes) + "<p>Factors are against the slowest.</p>"


def bytes_section(report: Report) -> str:
    return bar_chart(report.bytes, {name: f"{size / 1e6:.3f} MB" for name, size in report.bytes.items()})


def nodes_section(report: Report) -> str:
    """Shares of multiply-accumulates as bars, then the figures."""
    if not report.nodes:
        return ""
    macs, params = sum(n.macs for n in report.nodes), sum(n.params for n in report.nodes)
    notes = {n.name: f"{percent(n.macs, macs)} of MACs · {percent(n.params, params)} of parameters" for n in report.nodes}
    chart = bar_chart({n.name: n.macs for n in report.nodes}, notes)
    every_task = set(chain.from_iterable(n.tasks for n in report.nodes))
    rows = [[n.name, f"{n.macs / 1e9:.3f}", percent(n.macs, macs), f"{n.params / 1e3:,.1f}", percent(n.params, params),
             task_names(n, every_task)] for n in report.nodes]
    rows.append(["sum", f"{macs / 1e9:.3f}", "", f"{params / 1e3:,.1f}", "", ""])
    return chart + table(["node", "GMAC", "share", "thousand parameters", "share", "tasks"], rows)


def task_names(node: NodeShare, every_task: set[str]) -> str:
    return f"all {len(every_task)}" if len(node.tasks) > 1 and set(node.tasks) == every_task else ", ".join(node.tasks)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is names and whose others are figures."""
    titles = "".join(f"<th>{html_text(title)}</th>" for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
