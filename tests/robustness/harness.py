"""Runs one command on one hostile input, and says what must never happen.

A case has a folder of its own: `cwd` is its working folder, `out` the only place it may write to (besides its output files).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_MB = 1024
"""Of a process, its libraries included."""
LIMIT_S = 60.0
LONGEST_LINE = 1200
"""Characters of an error line. A message may name two paths; the ones of tests are long."""
USER_ERROR = 2
OWN = ("out", "out.txt", "err.txt", "peak")


@dataclass(frozen=True)
class Outcome:
    """What a command did. status: exit code, negative for a signal; ended: "time", "memory" or "processes" where a limit
    stopped it; left: it left processes behind; changed: files outside of `out` that it made, changed or removed."""

    argv: Sequence[object]
    status: int
    out: str
    err: str
    seconds: float
    peak_mb: int
    ended: str
    left: bool
    changed: Sequence[str]

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if "error: " in line]


class Harness:
    """A server (see tests/robustness/server.py) that runs commands."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        self._server = subprocess.Popen([sys.executable, "-m", "tests.robustness.server"], cwd=ROOT, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(30)

    def verb(self, argv: Sequence[str], folder: Path, limit_s: float = LIMIT_S, limit_mb: int = LIMIT_MB,
             kill: tuple[float, signal.Signals] | None = None) -> Outcome:
        """`mtzoo ARGV`. kill: (after seconds, the signal)."""
        return self.call("mtzoo.cli.main:main", [[str(a) for a in argv]], folder, limit_s, limit_mb, kill)

    def call(self, function: str, args: list, folder: Path, limit_s: float = LIMIT_S, limit_mb: int = LIMIT_MB,
             kill: tuple[float, signal.Signals] | None = None) -> Outcome:
        """ "module:function" with arguments that JSON can carry."""
        for name in ("cwd", "out"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("out.txt", "err.txt", "peak"):
            (folder / name).unlink(missing_ok=True)
        before = snapshot(folder)
        request = {"call": function, "args": args, "folder": str(folder), "limit_s": limit_s, "limit_mb": limit_mb,
                   "kill": kill and (kill[0], int(kill[1]))}
        print(json.dumps(request), file=self._server.stdin, flush=True)
        answer = json.loads(self._server.stdout.readline())
        after = snapshot(folder)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        out, err = ((folder / name).read_bytes().decode(errors="backslashreplace") if (folder / name).exists() else ""
                    for name in ("out.txt", "err.txt"))
        return Outcome(args[0] if args else [], out=out, err=err, changed=changed, **answer)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """{path: (size, time of change)} of what a case may not touch."""
    found = {}
    for place, folders, files in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in OWN]
            files = [name for name in files if name not in OWN]
        for name in files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            found[os.path.relpath(path, folder)] = (status.st_size, status.st_mtime_ns)
    return found


def problems(outcome: Outcome, statuses: Sequence[int] = (USER_ERROR,), lists_faults: bool = False) -> list[str]:
    """What must not be: a traceback, a hang, too much memory, another exit code than `statuses`, more or less than one error line
    where the code is 2 (lists_faults: the verb prints a list of its own, then), a line beyond LONGEST_LINE, raw control
    characters, anything written outside of `out`."""
    text = outcome.err + outcome.out
    lines = text.splitlines()
    raw = sorted({c for c in text if c != "\n" and not c.isprintable()})
    checks = (
        (bool(outcome.ended), f"stopped: {outcome.ended}, after {outcome.seconds} s at {outcome.peak_mb} MiB"),
        (outcome.peak_mb > LIMIT_MB, f"{outcome.peak_mb} MiB"),
        ("Traceback" in text, "a traceback"),
        (outcome.status not in statuses, f"exit code {outcome.status}"),
        (outcome.status == USER_ERROR and len(outcome.error_lines) != 1 and not lists_faults,
         f"{len(outcome.error_lines)} error lines"),
        (max(map(len, lines), default=0) > LONGEST_LINE, f"a line of {max(map(len, lines), default=0)} characters"),
        (bool(raw), f"raw control characters {raw}"),
        (outcome.left, "processes were left behind"),
        (bool(outcome.changed), f"wrote {', '.join(outcome.changed)}"),
    )
    found = [text for is_wrong, text in checks if is_wrong]
    return [*found, f"$ mtzoo {' '.join(map(str, outcome.argv))[:400]}", outcome.err[-1500:]] if found else []


def assert_held(outcome: Outcome, statuses: Sequence[int] = (USER_ERROR,), lists_faults: bool = False) -> None:
    """Fails with what is wrong, see `problems`."""
    if found := problems(outcome, statuses, lists_faults):
        pytest.fail("\n".join(found), pytrace=False)
