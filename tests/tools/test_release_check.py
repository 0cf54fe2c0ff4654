"""What is committed becomes a wheel and an sdist that PyPI takes. The environments that the script tries take minutes: not here."""

import subprocess
from pathlib import Path

import pytest

import mtzoo

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.thorough
def test_files_are_built_and_checked(tmp_path):
    done = subprocess.run(["bash", ROOT / "tools" / "release_check.sh", tmp_path / "dist"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("PASSED") == 2
    names = sorted(path.name for path in (tmp_path / "dist").iterdir())
    assert names == [f"mtzoo-{mtzoo.__version__}-py3-none-any.whl", f"mtzoo-{mtzoo.__version__}.tar.gz"]


def test_a_python_that_is_not_there_is_told_before_the_work(tmp_path):
    done = subprocess.run(["bash", ROOT / "tools" / "release_check.sh", tmp_path / "dist", "python9.9"], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (2, "error: there is no python9.9\n")
