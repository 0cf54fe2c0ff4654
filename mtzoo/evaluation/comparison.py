"""One table for every tool that makes a network smaller: what it cost and what it won, base against result."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from mtzoo.evaluation.table import change_text
from mtzoo.task_kind import task_kind

NOT_MEASURED = "-"


@dataclass(frozen=True)
class Variant:
    """A network as it was measured.

    Attributes:
        name: Its name in the printed table.
        metrics: Metrics in percent, e.g. `{"seg/mIoU": 57.5}`. NaN without ground truth.
        bytes: The size of its ONNX file.
        parameters: The number of parameters.
        macs: Multiply-accumulates of one image.
        latency_ms: The median latency in milliseconds. None if it was not measured.
        differing: (values that differ between executors, values compared). None if equality is not promised.
    """

    name: str
    metrics: Mapping[str, float]
    bytes: int
    parameters: int
    macs: int
    latency_ms: float | None = None
    differing: tuple[int, int] | None = None

    @property
    def passed(self) -> bool:
        """Whether no value differs. True where equality is not promised."""
        return self.differing is None or self.differing[0] == 0


def task_drops(base: Mapping[str, float], result: Mapping[str, float], kinds: Mapping[str, str]) -> dict[str, float]:
    """Task -> points of its main metric that are lost (a gain is negative); NaN without ground truth. kinds: task -> its kind."""
    keys = {task: f"{task}/{task_kind(kind).main_metric}" for task, kind in kinds.items()}
    return {task: base[key] - result[key] for task, key in keys.items()}


def failing_tasks(base: Mapping[str, float], result: Mapping[str, float], kinds: Mapping[str, str],
                  max_drop: float) -> dict[str, float]:
    """Task -> its drop, of those that lose more than `max_drop` points."""
    return {task: drop for task, drop in task_drops(base, result, kinds).items() if drop > max_drop}


def comparison_table(base: Variant, result: Variant, kinds: Mapping[str, str], title: str) -> Table:
    """A row per task, then size, latency and what differs between executors. title: what it was measured on."""
    table = Table("", base.name, result.name, "", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    table.columns[0].overflow = "fold"  # a task's name is not cut short
    for task, drop in task_drops(base.metrics, result.metrics, kinds).items():
        metric = task_kind(kinds[task]).main_metric
        key = f"{task}/{metric}"
        table.add_row(f"{task} {metric}, %", _points(base.metrics[key]), _points(result.metrics[key]),
                      change_text(-drop))
    table.add_section()
    for name, was, now in (("parameters", base.parameters, result.parameters), ("MACs, million", base.macs / 1e6, result.macs / 1e6)):
        table.add_row(name, f"{was:,.0f}", f"{now:,.0f}", "" if was == now else f"{100 * (now / was - 1):+.1f} %")
    table.add_row("bytes", f"{base.bytes:,}", f"{result.bytes:,}", f"{base.bytes / result.bytes:.2f} x smaller")
    if base.latency_ms and result.latency_ms:
        table.add_row("latency, ms", f"{base.latency_ms:.1f}", f"{result.latency_ms:.1f}",
                      f"{base.latency_ms / result.latency_ms:.2f} x as fast")
    else:
        table.add_row("latency, ms", NOT_MEASURED, NOT_MEASURED, "")
    table.add_row("verify: differing values", NOT_MEASURED, _differing(result), "")
    return table


def comparison_values(base: Variant, result: Variant, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The same for JSON, with all metrics."""
    return {"base": asdict(base), "result": asdict(result), "drops": task_drops(base.metrics, result.metrics, kinds)}


def _points(value: float) -> str:
    return "no ground truth" if math.isnan(value) else f"{value:.2f}"


def _differing(variant: Variant) -> str:
    if variant.differing is None:
        return "not promised"
    return f"{variant.differing[0]:,} of {variant.differing[1]:,}"
