"""All candidates of an automatic compression in a table and a picture, those not trained included."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
from rich.table import Table

from mtzoo.compression.candidates import ORIGINAL, Candidate
from mtzoo.engine.compress_state import CompressState
from mtzoo.engine.fingerprint import ADVICE
from mtzoo.evaluation.comparison import task_drops
from mtzoo.files import write_whole
from mtzoo.visualization.bars import Bar, bar_picture

TRAINED_COLOR, UNTRAINED_COLOR = (180, 120, 60), (190, 190, 190)  # BGR


def candidate_table(name: str, state: CompressState, candidates: Sequence[Candidate], kinds: Mapping[str, str]) -> Table:
    """A row for each, the fastest first: latency, what it loses, size."""
    table = Table("candidate", "ms", "speed-up", "largest loss", "bytes", "differing", title=name)
    table.columns[0].no_wrap = True
    for column in table.columns[1:3]:
        column.justify = "right"
    for candidate in sorted(candidates, key=lambda c: state.latency_ms[c.name]):
        ms, result = state.latency_ms[candidate.name], state.results.get(candidate.name)
        row = [candidate.name, f"{ms:.1f}", f"{state.latency_ms[ORIGINAL.name] / ms:.2f} x"]
        if candidate == ORIGINAL and state.base is not None:
            row += ["0.00", f"{state.base.bytes:,}", ""]
        elif result is not None:
            loss, task = largest_loss(state, result.metrics, kinds)
            row += [f"{loss:.2f} {task}", f"{result.bytes:,}", "" if result.differing is None else f"{result.differing[0]:,}"]
        else:
            row += ["not trained", "", ""]
        table.add_row(*row)
    return table


def largest_loss(state: CompressState, metrics: Mapping[str, float], kinds: Mapping[str, str]) -> tuple[float, str]:
    """(points, task) of the task that loses most; NaN where no task has ground truth."""
    drops = {task: drop for task, drop in task_drops(state.base.metrics, metrics, kinds).items() if not math.isnan(drop)}
    return max(((drop, task) for task, drop in drops.items()), default=(math.nan, ""))


def draw_candidates(path: Path, state: CompressState, candidates: Sequence[Candidate], kinds: Mapping[str, str]) -> None:
    """A bar of milliseconds for each, as PNG; what it loses is written beside those that were trained."""
    bars = []
    for candidate in sorted(candidates, key=lambda c: state.latency_ms[c.name]):
        ms, result = state.latency_ms[candidate.name], state.results.get(candidate.name)
        known = candidate == ORIGINAL or result is not None
        loss = f", loses {largest_loss(state, result.metrics, kinds)[0]:.2f}" if result is not None else ""
        bars.append(Bar(candidate.name, ((ms, TRAINED_COLOR if known else UNTRAINED_COLOR),), f"{ms:.1f} ms{loss}"))
    picture = bar_picture("latency of all candidates", bars, legend=[("trained", TRAINED_COLOR), ("not trained", UNTRAINED_COLOR)])
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes(), ADVICE)
