"""Calls timed side by side."""

import os
import platform
import random
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
WARM_UP = 3


def interleaved(calls: Mapping[Name, Callable[[], object]], runs: int,
                on_round: Callable[[int], None] | None) -> dict[Name, list[float]]:
    """Milliseconds of each call in each round, after as many untimed rounds, at most WARM_UP.

    Each is called once untimed right before: the threads of ONNX Runtime and of torch go on spinning when their work is done, and
    would slow what comes after them by up to a half; the caches are left by another network. Each round has another order.
    """
    times: dict[Name, list[float]] = {name: [] for name in calls}
    shuffler = random.Random(0)
    for i in range(-min(WARM_UP, runs), runs):
        for name, call in shuffler.sample(list(calls.items()), len(calls)):
            call()
            start = time.perf_counter()
            call()
            if i >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
        if on_round is not None and i >= 0:
            on_round(i + 1)
    return times


def machine() -> str:
    """Model of the CPU and its number of cores."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # no Linux: the general name has to do
    return f"{model}, {os.cpu_count()} cores"
