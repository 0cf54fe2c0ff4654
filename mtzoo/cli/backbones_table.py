"""The table that `mtzoo backbones` prints and writes."""

from collections.abc import Sequence

from rich.table import Table

from mtzoo.console import numbered
from mtzoo.engine.backbones import COST_HW, Backbone

COLUMNS = ("backbone", "M parameters", f"GMAC at {COST_HW[0]}x{COST_HW[1]}", "features: channels/stride", "exact")


def _cells(row: Backbone) -> tuple[str, ...]:
    if row.why is not None:
        return f"{row.name}", "", "", "", f"no: {row.why}"
    return (row.name, f"{row.parameters / 1e6:.2f}", f"{row.macs / 1e9:.2f}", ", ".join(row.features), verdict(row))


def verdict(row: Backbone) -> str:
    """Whether it is exact, in words."""
    if row.checked is None:
        return "not checked" if not row.skipped else f"not checked ({row.skipped[0]})"
    if row.exact:
        return f"yes: 0 of {row.values:,}{f', {row.parts} layers in parts' if row.parts else ''}"
    return "NO: " + ", ".join(f"{name} {count:,}" for name, count in row.checked.items() if count) + f" of {row.values:,}"


def table_of(rows: Sequence[Backbone]) -> Table:
    """The table for a terminal."""
    table = Table()
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if i in (1, 2) else "left", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def summary_of(rows: Sequence[Backbone]) -> str:
    """How many are exact."""
    lowered = sum(row.why is None for row in rows)
    checked = [row for row in rows if row.checked is not None]
    exact = sum(row.exact for row in checked)
    return f"{numbered(len(rows), 'network')}, {lowered} of which can be lowered to leaves; {len(checked)} checked, {exact} exact"


def markdown(rows: Sequence[Backbone]) -> str:
    """The table as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---:|---:|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in rows]
    return "\n".join([*lines, "", summary_of(rows), ""])
