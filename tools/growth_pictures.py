"""The pictures of tools/cost_growth.py, and how straight their lines are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from growth_networks import AREA, KINDS, Point

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "mtzoo", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.color": "#dddddd",
                            "axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": True})
import matplotlib.pyplot as plt  # noqa: E402 the back end comes first

COLORS = {AREA: "#2f7ed8", "detection": "#e0662b", "segmentation": "#2a9d6f"}
SETTLED = 0.1
"""Share of the images after which memory should not grow."""
ROOM = 1.3
"""Of the y axis, times the largest value: the legend stands above the points."""
Points = Sequence[tuple[float, float]]


def fit(points: Points) -> dict[str, float]:
    """The straight line through points, and how much of them it explains (R2)."""
    x, y = np.array(points, dtype=float).T
    slope, start = np.polyfit(x, y, 1)
    rest, spread = ((y - start - slope * x) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    return {"slope": float(slope), "start": float(start), "r2": float(1 - rest / spread) if spread else 1.0}


def lines(points: Sequence[Point], found: Mapping[str, Any]) -> dict[str, dict[str, Points]]:
    """Quantity -> series -> its points (megapixels or heads, ms or MiB). found: the record of a measurement."""
    def x(point: Point) -> float:
        return point.megapixels if point.series == AREA else point.heads

    series = {name: [p for p in points if p.series == name] for name in (AREA, *KINDS)}
    empty = found["peak_mib/empty"]
    return {"latency": {name: [(x(p), found[f"latency_ms/{name}"][p.name]) for p in own] for name, own in series.items()},
            "memory": {name: [(x(p), found[f"peak_mib/{p.name}"] - empty) for p in own] for name, own in series.items()}}


def growth(predict: Mapping[str, Any]) -> dict[str, float]:
    """How memory of `predict` grows once it runs: MiB for 1,000 images, and from the first settled look to the last."""
    settled = [(done, mib) for done, mib in zip(predict["done"], predict["mib"]) if done >= SETTLED * predict["images"]]
    return {"mib_per_1000": 1000 * fit(settled)["slope"], "mib": settled[-1][1] - settled[0][1]}


def draw_all(out: Path, points: Sequence[Point], found: Mapping[str, Any]) -> dict[str, Any]:
    """Write the SVGs; returns quantity -> series -> its straight line, and the growth of `predict`."""
    known = lines(points, found)
    size = next(p for p in points if p.series != AREA).hw
    tasks = next(p for p in points if p.series == AREA).heads
    for quantity, label, file in (("latency", "ms", "latency"), ("memory", "peak MiB above an empty process", "memory")):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
        _draw(left, {f"{tasks} heads": known[quantity][AREA]}, [COLORS[AREA]], "input, megapixels", label)
        _draw(right, {f"{kind} heads": known[quantity][kind] for kind in KINDS}, [COLORS[kind] for kind in KINDS],
              f"heads, input {size[0]}x{size[1]}", "")
        right.xaxis.get_major_locator().set_params(integer=True)
        _save(figure, out / f"growth_{file}.svg")
    figure, axes = plt.subplots(figsize=(8, 2.6))
    axes.plot(found["predict"]["done"], found["predict"]["mib"], color=COLORS[AREA])
    axes.set(xlabel="images done", ylabel="MiB of mtzoo predict", ylim=(0, ROOM * max(found["predict"]["mib"])), xlim=(0, None))
    _save(figure, out / "growth_predict.svg")
    straight = {quantity: {name: fit(own) for name, own in series.items()} for quantity, series in known.items()}
    return {"lines": straight, "predict_growth": growth(found["predict"])}


def _draw(axes: plt.Axes, series: Mapping[str, Points], colors: Sequence[str], x_label: str, y_label: str) -> None:
    """Points, and the straight line through each series."""
    for (name, points), color in zip(series.items(), colors):
        x, y = np.array(points, dtype=float).T
        line = fit(points)
        axes.plot(x, y, "o", color=color, label=f"{name}: {line['start']:.1f} {line['slope']:+.2f} x, R² {line['r2']:.3f}")
        ends = np.array([0, x.max()])
        axes.plot(ends, line["start"] + line["slope"] * ends, color=color, linewidth=1)
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, None), ylim=(0, ROOM * max(y for points in series.values() for _, y in points)))
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
