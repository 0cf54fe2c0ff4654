"""The report of a run: report.json for programs, report.html for people."""

import json
import os
from pathlib import Path

from mtzoo.errors import UserError
from mtzoo.visualization.report_html import render_html
from mtzoo.visualization.report_model import (
    NodeShare,
    Picture,
    Report,
    StepReport,
    VerifyCounts,
    report_to_dict,
)

__all__ = ["NodeShare", "Picture", "Report", "StepReport", "VerifyCounts", "report_to_dict", "write_report"]


def write_report(report: Report, work_dir: Path) -> tuple[Path, Path]:
    """Write report.html (one file, opens offline) and report.json into `work_dir`, each whole or not at all.

    Returns their paths. Raises UserError where the folder cannot be written.
    """
    html, data = work_dir / "report.html", work_dir / "report.json"
    _write_whole(data, json.dumps(report_to_dict(report), indent=1, allow_nan=False))
    _write_whole(html, render_html(report))
    return html, data


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); free space or choose another --work-dir") from error
