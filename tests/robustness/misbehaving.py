"""Commands that do, one each, what no verb may do; `refusal` is as it should be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def refusal() -> int:
    print("error: x: fix it", file=sys.stderr)
    return 2


def traceback() -> int:
    raise RuntimeError("x")


def hang() -> int:
    time.sleep(60)
    return refusal()


def memory() -> int:
    held = [bytes(os.urandom(1 << 20)) for _ in range(2000)]
    return refusal() if held else 0


def status() -> int:
    refusal()
    return 3


def two_lines() -> int:
    refusal()
    return refusal()


def long_line() -> int:
    print("x" * 5000, file=sys.stderr)
    return refusal()


def escapes() -> int:
    print("\x1b[31mx")
    return refusal()


def writes() -> int:
    Path("owned").write_text("x")
    return refusal()


def child() -> int:
    subprocess.Popen(["sleep", "30"])
    return refusal()


def children() -> int:
    for _ in range(60):
        subprocess.Popen(["sleep", "30"])
    time.sleep(30)
    return refusal()


def crash() -> int:
    os.kill(os.getpid(), signal.SIGSEGV)
    return refusal()
