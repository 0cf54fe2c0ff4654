"""The table and the picture of tools/trunk_study.py, of the files that it left."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from mtzoo.visualization.charts import scatter_chart

PRECISIONS = ("fp32", "bf16", "int8")
SETS = ("val", "test")
"""CamVid's validation frames, and the test frames of a drive that training has, too."""
Row = Mapping[str, object]


def result_path(out: Path, name: str) -> Path:
    return out / f"{name}.json"


def latency_path(out: Path, name: str) -> Path:
    return out / f"{name}-latency.json"


def scores(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """{"mIoU val", "AP50 val", "mIoU test", "AP50 test"} of all metrics of a run. AP50 is the mean over the classes of all tasks."""
    found = {}
    for folder in SETS:
        found[f"mIoU {folder}"] = metrics[f"seg_default/{folder}/mIoU"]
        found[f"AP50 {folder}"] = fmean(value for key, value in metrics.items() if f"/{folder}/AP50/" in key and value is not None)
    return found


def read(path: Path) -> dict[str, object] | None:
    return json.loads(path.read_text()) if path.exists() else None


def table(rows: Sequence[Row]) -> str:
    """In Markdown; what was not measured is "-"."""
    threads = sorted({count for row in rows for count in row["ms"]}, key=int)
    columns = ["network", "parameters", "GMAC", "training, s",
               *(f"{kind} {score}" for kind in ("float", "int8") for score in scores_names()),
               *(f"{precision} ms, {count} thr." for count in threads for precision in PRECISIONS)]
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *(cells(row, threads) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def scores_names() -> list[str]:
    return [f"{metric} {folder}" for folder in SETS for metric in ("mIoU", "AP50")]


def cells(row: Row, threads: Sequence[str]) -> list[str]:
    found = {kind: scores(row[kind]) if kind in row else {} for kind in ("float", "int8")}
    accuracy = [f"{found[kind][name]:.1f}" if found[kind] else "-" for kind in found for name in scores_names()]
    times = [row["ms"].get(count, {}).get(precision) for count in threads for precision in PRECISIONS]
    costs = [f"{row['parameters']:,}", f"{row['macs'] / 1e9:.2f}", f"{row['seconds']:.0f}"] if "parameters" in row else ["-"] * 3
    return [row["name"], *costs, *accuracy, *("-" if ms is None else f"{ms['median']:.2f}" for ms in times)]


def picture(rows: Sequence[Row]) -> str:
    """Accuracy against int8 latency on the most threads measured; "" if no network has both."""
    both = [row for row in rows if "float" in row and any("int8" in times for times in row["ms"].values())]
    if not both:
        return ""
    count = max((count for row in both for count in row["ms"]), key=int)
    charts = {}
    for name in scores_names():
        kind = "int8" if all("int8" in row for row in both) else "float"
        charts[name] = {row["name"]: (row["ms"][count]["int8"]["median"], scores(row[kind])[name]) for row in both}
    return scatter_chart(charts, x_label=f"int8, ms, {count} threads, 512x960, six tasks")


def report(out: Path, names: Sequence[str]) -> int:
    """Print the table, write it and the picture beside the files."""
    rows = []
    for name in names:
        result, latency = read(result_path(out, name)), read(latency_path(out, name))
        if result or latency:
            rows.append({"name": name, **(result or {}), "ms": latency["ms"] if latency else {}})
    if not rows:
        print(f"{out}: nothing there; run `train` or `latency` first")
        return 2
    text, drawn = table(rows), picture(rows)
    (out / "table.md").write_text(text + "\n")
    if drawn:
        (out / "accuracy_latency.svg").write_bytes(drawn)
    print(text)
    return 0
