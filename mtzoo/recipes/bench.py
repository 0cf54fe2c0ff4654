"""Latency of a deploy model's network in each runtime."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mtzoo.locate import find_model
from mtzoo.runtime.bench import BenchReport, bench_against
from mtzoo.runtime.bench import bench as bench_one

OnRound = Callable[[int], None]
"""Told the number of rounds done."""


@dataclass(frozen=True)
class BenchResult:
    """What `bench` returns.

    Attributes:
        model: Latencies and sizes of the network in float and as it is deployed.
        base: Those of the base, measured in the same rounds. None without a base.
    """

    model: BenchReport
    base: BenchReport | None = None


def bench(model: str | Path, *, base: str | Path | None = None, threads: int = 2, runs: int = 50,
          on_round: OnRound = lambda done: None) -> BenchResult:
    """Measure the median latency of a deploy model and of the same network in float: torch, ONNX Runtime, OpenVINO.

    Rounds are interleaved. Let nothing else run meanwhile.

    Args:
        model: An `.onnx` file, or the name of a zoo model.
        base: Another model to measure in the same rounds.
        threads: CPU threads.
        runs: The number of rounds.
        on_round: Called with the number of rounds done.

    Raises:
        UserError: A file is missing, was changed, or was not written by mtzoo.
    """
    path = find_model(model)
    if base is None:
        return BenchResult(bench_one(path, threads, runs, on_round))
    return BenchResult(*bench_against(path, find_model(base), threads, runs, on_round))
