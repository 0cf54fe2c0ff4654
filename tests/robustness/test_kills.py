"""Runs that are killed at any moment and resumed, again and again, end with the same numbers as one that nobody touched."""

import json
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.robustness.base import Base
from tests.robustness.harness import Harness, Outcome, problems
from tests.tiny import config_values, phase, write_config

ITERATIONS = 5
KILLS = 10
"""Of each chain that has the marker `fuzz`; there are six of them."""
MOST_RUNS = 60
RUN_S = 400.0
MOMENTARY = ("seconds", "data_wait")
"""What a stage's record holds of the machine, not of the training."""


@dataclass(frozen=True)
class Chain:
    """What is killed: a verb, with so many worker processes, by these signals in turn."""

    verb: str
    workers: int
    signals: Sequence[signal.Signals]

    def argv(self, config: Path, base: Base, folder: Path, resume: bool) -> list[Any]:
        argv = [self.verb, "--config", config, *(["--resume"] if resume else [])]
        if self.verb in ("train", "quant-train"):
            return [*argv, "--out", folder]
        argv += ["--checkpoint", base.float_checkpoint, "--out", folder, "--iters", ITERATIONS]
        argv += ["--limit", "2", "--no-bench"]
        return [*argv, "--ratio", "0.3", "--calib-images", "2"] if self.verb == "prune" else argv


def run_once(chain: Chain, harness: Harness, base: Base, folder: Path, work_dir: Path, resume: bool,
             kill: tuple[float, signal.Signals] | None = None) -> Outcome:
    argv = [str(a) for a in chain.argv(folder / "config.py", base, work_dir, resume)]
    return harness.call("tests.robustness.short_bench:main", [argv], folder, RUN_S, 2048, kill)


def write_run_config(chain: Chain, base: Base, path: Path) -> None:
    values = config_values(base.data, loss_balance="uncertainty")
    for solver in values["solver"]:
        solver.update({key: phase(ITERATIONS) for key in ("float_phase", "quant_phase") if key in solver})
    values["env"] = {**values["env"], "workers": chain.workers, "checkpoint_interval": 1}
    write_config(path, values)


def killed_again_and_again(chain: Chain, kills: int, harness: Harness, base: Base, folder: Path) -> None:
    """Compares what `kills` kills and as many resumes leave with an uninterrupted run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_run_config(chain, base, folder / "config.py")
    whole = run_once(chain, harness, base, folder, folder / "out" / "whole", False)
    assert whole.status in (0, 1), whole.err  # 1: too short a training, the int8 network has lost too much
    rng = np.random.default_rng(kills)
    work_dir, done, resume = folder / "out" / "killed", 0, False
    for _ in range(MOST_RUNS):
        kill = (float(rng.uniform(0.2, whole.seconds)), chain.signals[done % len(chain.signals)]) if done < kills else None
        outcome = run_once(chain, harness, base, folder, work_dir, resume, kill)
        was_killed = kill is not None and outcome.status in (-kill[1], 128 + kill[1])
        assert not problems(outcome, (whole.status, outcome.status if was_killed else whole.status)), problems(outcome)
        done, resume = done + was_killed, True
        if not was_killed and kill is None:
            break
        if not was_killed:  # it was through before: another run
            compare(folder / "out" / "whole", work_dir)
            shutil.rmtree(work_dir)
            resume = False
    assert done == kills
    compare(folder / "out" / "whole", work_dir)


def compare(whole: Path, killed: Path) -> None:
    """Every last checkpoint: weights, metrics, curves, bit by bit; every deploy model byte by byte; nothing else is left."""
    lasts = sorted(p.relative_to(whole) for p in whole.rglob("*-last.pt"))
    assert lasts
    assert sorted(p.relative_to(killed) for p in killed.rglob("*-last.pt")) == lasts
    for name in lasts:
        ours, theirs = (torch.load(folder / name, weights_only=True) for folder in (killed, whole))
        assert ours["network"].keys() == theirs["network"].keys(), name
        assert all(torch.equal(tensor, theirs["network"][key]) for key, tensor in ours["network"].items()), name
        assert without_time(ours["history"]) == without_time(theirs["history"]), name
    for model in whole.rglob("*.onnx"):
        assert (killed / model.relative_to(whole)).read_bytes() == model.read_bytes(), model.name
    assert not [p.name for p in killed.rglob("*") if ".part" in p.name or p.suffix == ".lock"]


def without_time(history: list[dict[str, Any]]) -> str:
    return json.dumps([{key: value for key, value in record.items() if key not in MOMENTARY} for record in history])


SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


@pytest.mark.slow
def test_a_killed_training_ends_like_a_whole_one(harness, base, tmp_path):
    killed_again_and_again(Chain("train", 2, SIGNALS), 4, harness, base, tmp_path)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("verb", "workers"), [("train", 0), ("train", 2), ("quant-train", 0), ("quant-train", 2), ("quant", 2), ("prune", 0)])
def test_sixty_kills(verb, workers, harness, base, tmp_path):
    killed_again_and_again(Chain(verb, workers, SIGNALS), KILLS, harness, base, tmp_path)
