"""stdout and stderr that cannot be written; each in a process of its own, which is what a shell starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FULL = Path("/dev/full")


def mtzoo(redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`mtzoo --help` with a redirection of the shell."""
    return subprocess.run(["sh", "-c", f'"$0" -m mtzoo --help {redirection}', sys.executable], capture_output=True, text=True,
                          check=False, cwd=ROOT, env={**os.environ, **environment})


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_one_line(buffered: str) -> None:
    done = mtzoo(f"> {FULL}", PYTHONUNBUFFERED=buffered)
    assert done.returncode == 2
    assert done.stderr == "error: standard output cannot be written (No space left on device); send it somewhere else\n"


def test_a_closed_stdout_is_one_line() -> None:
    done = mtzoo(">&-")
    assert done.returncode == 2
    assert done.stderr == "error: standard output is closed; send it somewhere, e.g. > /dev/null\n"


@pytest.mark.parametrize("redirection", ["2>&-", f"2>{FULL}"])
def test_without_stderr_the_exit_status_is_left(redirection: str) -> None:
    assert mtzoo(redirection).returncode == 0
    assert subprocess.run(["sh", "-c", f'"$0" -m mtzoo nothing {redirection}', sys.executable], check=False, cwd=ROOT).returncode == 2


def test_a_reader_that_has_gone_ends_without_a_word() -> None:
    done = mtzoo("| true")
    assert done.stderr == ""
