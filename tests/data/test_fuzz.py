"""Damaged files by the thousand: each is read, or refused in one line; none hangs, takes much memory or ends in a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mtzoo.data.images import read_image
from tests.data.fuzz import check_one
from tests.data.fuzz_annotations import base_annotations
from tests.data.fuzz_images import HW, TURNED, base_images

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_damaged_is_good_before(tmp_path):
    for number, data in enumerate(base_images()):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(data)
        hw = HW[::-1] if number in TURNED else HW
        assert read_image(path).shape == (*hw, 3), number
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(base_annotations(tmp_path)))
    assert check_one(tmp_path, path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "cases", "at_least"), [("images", 2000, 300), ("annotations", 1000, 50)])
def test_thousands_of_damaged_files(tmp_path, kind, cases, at_least):
    """at_least: of accepted and of refused files alike, or the damage would be too light or too heavy to try the readers."""
    finished = subprocess.run([sys.executable, "-m", "tests.data.fuzz", kind, str(tmp_path), str(cases), "1"], cwd=ROOT,
                              capture_output=True, text=True, errors="replace", timeout=3600)
    assert finished.returncode == 0, finished.stderr[-3000:]
    result = json.loads(finished.stdout)
    assert result["problems"] == []
    assert result["cases"] == cases
    assert result["accepted"] >= at_least
    assert result["refused"] >= at_least
    assert result["slowest_s"] < 5
    assert result["peak_mib"] < 1024
