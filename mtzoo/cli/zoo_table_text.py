"""The table of the zoo as Markdown."""

from collections.abc import Sequence

from mtzoo.cli.zoo_published import PUBLISHED
from mtzoo.console import numbered
from mtzoo.recipes.zoo_row import PrunedRow, ZooRow


def markdown(rows: Sequence[ZooRow]) -> str:
    """The table, then what was measured on."""
    cells = [_cells(row) for row in rows]
    columns = list(dict.fromkeys(column for row in cells for column in row))
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(row.get(column, "") for column in columns) + " |" for row in cells]
    machines = dict.fromkeys(f"{row.machine}; {numbered(row.threads, 'thread')}, batch 1, weights of {row.weight_bits} bits"
                             for row in rows if row.machine)
    return "\n".join([*lines, "", *(f"Latency: median of interleaved rounds, {machine}." for machine in machines), ""])


def _cells(row: ZooRow) -> dict[str, str]:
    """Column -> text."""
    cells = {"config": row.config, "input": f"{row.hw[0]}x{row.hw[1]}", "M parameters": f"{row.parameters / 1e6:.2f}",
             "GMAC": f"{row.macs / 1e9:.2f}"}
    if row.values:
        differing = ", ".join(f"{name} {count:,}" for name, count in row.differing.items() if count)
        parts = f", {row.parts} layers in parts" if row.parts else ""
        cells["differing values"] = f"{differing or '0'} of {row.values:,}{parts}"
    for variant, milliseconds in row.latency_ms.items():
        cells[f"{variant}, ms"] = f"{milliseconds:.1f}"
    if row.latency_ms:
        cells["int8 / fp32"] = f"{row.latency_ms['openvino int8'] / row.latency_ms['openvino fp32']:.2f}"
        published = PUBLISHED.get(row.config)
        if published is not None and published.quantized is not None:
            cells["published int8 / float"] = f"{published.quantized / published.base:.2f} ({published.hardware})"
    for ratio, pruned in row.pruned.items():
        cells[f"pruned {ratio}: fp32, int8"] = _pruned_cell(row.config, ratio, pruned)
    return cells


def _pruned_cell(config: str, ratio: str, pruned: PrunedRow | None) -> str:
    if pruned is None:
        return "out of reach"
    text = f"{-100 * pruned.saved('openvino fp32'):.0f} %, {-100 * pruned.saved('openvino int8'):.0f} %"
    published = PUBLISHED.get(config)
    if published is not None and ratio in published.pruned:
        text += f" (published {100 * (published.pruned[ratio] / published.base - 1):.0f} %)"
    return text
