"""The report of a run: report.json for programs, report.html for people."""

from pathlib import Path

from mtzoo.files import write_whole
from mtzoo.strict_json import write_json
from mtzoo.visualization.report_html import render_html
from mtzoo.visualization.report_model import (
    Chart,
    Mistakes,
    NodeShare,
    Picture,
    Report,
    StepReport,
    VerifyCounts,
    report_to_dict,
)

__all__ = ["Chart", "Mistakes", "NodeShare", "Picture", "Report", "StepReport", "VerifyCounts", "report_to_dict", "write_report"]

ADVICE = "choose another --out"


def write_report(report: Report, work_dir: Path) -> tuple[Path, Path]:
    """Write report.html (one file, opens offline) and report.json into `work_dir`, each whole or not at all.

    Returns their paths. Raises UserError where the folder cannot be written.
    """
    html, data = work_dir / "report.html", work_dir / "report.json"
    write_json(data, report_to_dict(report), ADVICE)
    write_whole(html, render_html(report).encode(), ADVICE)
    return html, data
