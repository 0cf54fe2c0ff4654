"""What was measured, as a table."""

from rich.table import Table

from mtzoo.console import numbered
from mtzoo.runtime.bench import BenchReport


def latency_table(report: BenchReport, base: BenchReport | None) -> Table:
    """A row for each variant."""
    table = Table(title=f"{report.machine}; {numbered(report.threads, 'thread')}, batch {report.batch}, "
                        f"{numbered(report.runs, 'interleaved run')}")
    columns = ["variant", "median ms", "minimum ms", f"{report.form} is faster by"]
    for column in columns + (["base, median ms", "faster than base by"] if base else []):
        table.add_column(column, justify="left" if column == "variant" else "right")
    fastest = report.latency_ms[report.deployed]
    for name, median in report.latency_ms.items():
        row = [name, f"{median:.1f}", f"{report.latency_min_ms[name]:.1f}", f"{median / fastest:.2f} x"]
        if base:
            before = base.latency_ms[base.deployed if name == report.deployed else name]
            row += [f"{before:.1f}", f"{before / median:.2f} x"]
        table.add_row(*row)
    return table
