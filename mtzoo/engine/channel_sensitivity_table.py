"""A sensitivity table: kept in a file that pruning reads and a later run goes on with, shown as table and picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from rich.table import Table

from mtzoo.compression import ChannelGroup
from mtzoo.config import ExperimentConfig
from mtzoo.data.json_file import read_json
from mtzoo.engine.channel_sensitivity import Point, TaskMetrics
from mtzoo.engine.fingerprint import file_hash
from mtzoo.errors import UserError
from mtzoo.evaluation.table import hundredths
from mtzoo.files import write_whole
from mtzoo.plain_data import build
from mtzoo.strict_json import write_json
from mtzoo.visualization.bars import Bar, bar_picture

ADVICE = "choose another --out"
LOSS_COLOR, NO_LOSS_COLOR = (60, 120, 220), (180, 120, 60)  # BGR


@dataclass(frozen=True)
class Origin:
    """What a table depends on. checkpoint: its sha256; limit: images of each validation folder, None for all."""

    checkpoint: str
    tasks: tuple[str, ...]
    importance: str
    align: int
    limit: int | None = None

    @classmethod
    def of(cls, config: ExperimentConfig, checkpoint: Path, importance: str, align: int, limit: int | None) -> "Origin":
        return cls(file_hash(checkpoint), tuple(sorted(config.classes)), importance, align, limit)


@dataclass(frozen=True)
class Measured:
    """A point: units of the group that stay, of how many, and every task's main metric in percent (None without ground truth)."""

    group: str
    count: int
    units: int
    metrics: TaskMetrics

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.units:
            raise UserError(f"count={self.count}: expected a number between 0 and units={self.units}")

    @property
    def ratio(self) -> float:
        return 1 - self.count / self.units


@dataclass
class SensitivityTable:
    """original: the metrics of the network as it is; points: measured so far, in execution order."""

    made_for: Origin
    original: TaskMetrics
    points: list[Measured] = field(default_factory=list)

    def add(self, groups: Mapping[str, ChannelGroup], found: Mapping[Point, TaskMetrics]) -> None:
        """Take new points in; order them as the network runs."""
        self.points += [Measured(p.group, p.count, len(groups[p.group].units), _plain(metrics)) for p, metrics in found.items()]
        order = {name: i for i, name in enumerate(groups)}
        self.points.sort(key=lambda m: (order.get(m.group, len(order)), -m.count))

    def missing(self, points: Sequence[Point]) -> list[Point]:
        """The points that are not measured yet."""
        known = {Point(m.group, m.count) for m in self.points}
        return [point for point in points if point not in known]

    def drops(self, point: Measured) -> dict[str, float]:
        """Task -> points of its main metric that are lost there; tasks without ground truth are left out."""
        return {task: before - point.metrics[task] for task, before in self.original.items()
                if before is not None and point.metrics.get(task) is not None}

    def limits(self, max_drop: float) -> dict[str, int]:
        """Group -> how many of its units have to stay so that no task loses more than `max_drop`; of other groups nothing may go."""
        limits: dict[str, int] = {}
        for point in self.points:
            if max(self.drops(point).values(), default=0.0) <= max_drop:
                limits[point.group] = min(limits.get(point.group, point.count), point.count)
        return limits

    def save(self, path: Path) -> None:
        values = {"made_for": vars(self.made_for), "original": dict(self.original), "points": [vars(point) for point in self.points]}
        write_json(path, values, ADVICE)


def new_table(origin: Origin, original: TaskMetrics) -> SensitivityTable:
    return SensitivityTable(origin, _plain(original))


def load_table(path: Path, origin: Origin, *, same_images: bool) -> SensitivityTable:
    """Read a table made for `origin`; with another --limit, too, unless `same_images`.

    Raises UserError if it is damaged, no such table, or made for something else.
    """
    values = read_json(path, "sensitivity table", "remove it or name another file")
    if not isinstance(values, dict) or set(values) != {"made_for", "original", "points"}:
        raise UserError(f"{path}: no table of `mtzoo sensitivity`; name another file")
    table = build(SensitivityTable, values, str(path))
    for key, value in vars(origin).items():
        if getattr(table.made_for, key) != value and (same_images or key != "limit"):
            raise UserError(f"{path}: measured for another {'network: another ' if key in ('checkpoint', 'tasks') else ''}'{key}'"
                            f"{'' if key == 'checkpoint' else f' ({getattr(table.made_for, key)})'}; measure it anew into another file")
    return SensitivityTable(table.made_for, table.original, list(table.points))


def sensitivity_rows(table: SensitivityTable) -> Table:
    """A row per point: what each task loses."""
    shown = Table("channel group", "removed", *table.original, title="points of the main metric lost when this group gets narrower")
    shown.columns[0].overflow = "fold"
    for column in shown.columns[1:]:
        column.justify = "right"
    for point in table.points:
        drops = table.drops(point)
        shown.add_row(point.group.removeprefix("nodes."), f"{100 * point.ratio:.0f} %",
                      *(f"{hundredths(drops[task]):.2f}" if task in drops else "" for task in table.original))
    return shown


def draw_sensitivity(path: Path, table: SensitivityTable) -> None:
    """A bar per point, as long as the largest loss of any task, as PNG."""
    bars = []
    for point in table.points:
        task, drop = max(table.drops(point).items(), key=lambda item: item[1], default=("", 0.0))
        name = f"{point.group.removeprefix('nodes.')} -{100 * point.ratio:.0f} %"
        bars.append(Bar(name, ((abs(drop), LOSS_COLOR if drop > 0 else NO_LOSS_COLOR),), f"{hundredths(drop):.2f} {task}"))
    picture = bar_picture("largest loss of any task, points of AP50, mIoU or top1", bars,
                          legend=[("loss", LOSS_COLOR), ("no task loses: smallest gain", NO_LOSS_COLOR)])
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes(), ADVICE)


def _plain(metrics: TaskMetrics) -> TaskMetrics:
    """JSON knows no NaN."""
    return {task: None if value is None or math.isnan(value) else value for task, value in metrics.items()}
