"""Figures of an evaluation, drawn by matplotlib: confusion matrices, precision-recall and F1 curves."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from mtzoo.errors import one_line

if TYPE_CHECKING:  # imported when something is drawn: it takes a second, and --help and most verbs draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = {"font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": False, "text.parse_math": False,
         "svg.fonttype": "none", "svg.hashsalt": "mtzoo", "figure.facecolor": "white", "font.family": "sans-serif"}
"""Names of classes are the user's: no dollar sign in them is mathematics."""
MOST_WRITTEN = 24
"""Classes up to which each cell of a confusion matrix has its figure written in it."""
MOST_NAMED = 60
"""Classes up to which a confusion matrix has names at its sides."""
MOST_COLORED = 10
"""Classes with a colour and a name each among curves; more are grey lines below the mean."""


def confusion_figure(title: str, confusion: np.ndarray, names: Sequence[str], counted: str = "pixels") -> "Figure":
    """Each row in percent: what pixels of a class were taken for. confusion: (K, K) counts, row = truth, column = prediction; counted:
    what they are of."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    count = len(names)
    rows = confusion.sum(axis=1, keepdims=True)
    percent = 100 * confusion / np.maximum(rows, 1)
    with mpl.rc_context(STYLE):
        side = min(3.0 + 0.42 * count, 14.0)
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(image, ax=axes, shrink=0.8, label=f"percent of the class's {counted}")
        axes.set(title=one_line(title), xlabel="predicted", ylabel="labelled")
        _name_sides(axes, names)
        if count <= MOST_WRITTEN:
            for row, column in np.ndindex(count, count):
                if rows[row, 0]:
                    color = "white" if percent[row, column] > 55 else "black"
                    axes.text(column, row, f"{percent[row, column]:.0f}", ha="center", va="center", color=color, fontsize=8)
    return figure


def _name_sides(axes: "Axes", names: Sequence[str]) -> None:
    if len(names) > MOST_NAMED:
        return
    places, shown = range(len(names)), [_name(name) for name in names]
    axes.set_xticks(places, shown, rotation=90)
    axes.set_yticks(places, shown)


def curves_figure(title: str, precision: Mapping[str, np.ndarray], f1: Mapping[str, np.ndarray], steps: np.ndarray) -> "Figure":
    """Precision by recall on the left, F1 by confidence on the right, of each class and their mean. steps: (S,) of both x axes.

    precision, f1: class -> (S,); the same classes, at least one.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 4.2), layout="constrained")
        figure.suptitle(one_line(title))
        left, right = figure.subplots(1, 2)
        areas = {name: f"{_name(name)}  {100 * values.mean():.1f}" for name, values in precision.items()}
        _draw_curves(left, precision, steps, areas, f"mean  {100 * _mean(precision).mean():.1f}")
        left.set(xlabel="recall", ylabel="precision, IoU 0.5")
        best = {name: f"{_name(name)}  {values.max():.2f} at {steps[values.argmax()]:.2f}" for name, values in f1.items()}
        mean = _mean(f1)
        _draw_curves(right, f1, steps, best, f"mean  {mean.max():.2f} at {steps[mean.argmax()]:.2f}")
        right.set(xlabel="confidence", ylabel="F1, IoU 0.5")
        for axes, what in ((left, "AP50, percent"), (right, "best F1")):
            axes.legend(title=what, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), alignment="left")
    return figure


def _draw_curves(axes: "Axes", curves: Mapping[str, np.ndarray], steps: np.ndarray, labels: Mapping[str, str], mean: str) -> None:
    few = len(curves) <= MOST_COLORED
    for number, (name, values) in enumerate(curves.items()):
        if few:
            axes.plot(steps, values, linewidth=1.2, color=f"C{number}", label=labels[name])
        else:
            axes.plot(steps, values, linewidth=0.7, color="0.75")
    if len(curves) > 1:
        axes.plot(steps, _mean(curves), linewidth=2.4, color="black", label=mean)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


def _mean(curves: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.mean(list(curves.values()), axis=0)


def _name(name: str) -> str:
    return one_line(name if len(name) <= 24 else f"{name[:23]}…")


def figure_bytes(figure: "Figure", kind: Literal["svg", "png"]) -> bytes:
    """The file's content, the same for the same figure."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that matplotlib's font has not: a PNG shows boxes, an SVG the reader's font
        figure.savefig(buffer, format=kind, dpi=130, metadata={"Date": None, "Creator": None} if kind == "svg" else {"Software": None})
    return buffer.getvalue()
