"""What the harness says is trusted by every other test here: it has to notice each of the things that must not be."""

import signal

import pytest

from tests.robustness import misbehaving
from tests.robustness.harness import LIMIT_MB, problems


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("traceback", "a traceback"),
        ("hang", "stopped: time"),
        ("memory", "stopped: memory"),
        ("status", "exit code 3"),
        ("two_lines", "2 error lines"),
        ("long_line", "a line of "),
        ("escapes", "raw control characters"),
        ("writes", "wrote cwd/owned"),
        ("child", "processes were left behind"), ("children", "stopped: processes"),
        ("crash", f"exit code {-signal.SIGSEGV}"),
    ],
)
def test_what_must_not_be_is_noticed(name, told, harness, tmp_path):
    outcome = harness.call(f"{misbehaving.__name__}:{name}", [], tmp_path, limit_s=2 if name == "hang" else 30)
    assert told in "\n".join(problems(outcome))


def test_a_refusal_is_no_problem(harness, tmp_path):
    outcome = harness.call(f"{misbehaving.__name__}:refusal", [], tmp_path)
    assert problems(outcome) == []
    assert 50 < outcome.peak_mb < LIMIT_MB
    assert outcome.err == "error: x: fix it\n"
