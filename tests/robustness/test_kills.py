"""Runs that are killed at random moments end like one that was left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 3, 30


@pytest.mark.parametrize(("kills", "seed", "verb", "workers"), [
    pytest.param(FEW, 1, "train", 1, marks=pytest.mark.slow),
    pytest.param(MANY, 2, "quant-train", 0, marks=pytest.mark.fuzz),
    pytest.param(MANY, 3, "train", 2, marks=pytest.mark.fuzz),
])
def test_killed_runs_end_as_if_left_alone(tmp_path, kills, seed, verb, workers):
    command = [sys.executable, "-m", "tests.robustness.kills", str(kills), str(seed), str(tmp_path), "--verb", verb,
               "--workers", str(workers)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert ran.returncode == 0, f"{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    assert f"killed {kills} times" in ran.stdout
    assert "problems: none" in ran.stdout
