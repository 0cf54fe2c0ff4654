"""Runs that are killed at random moments and resumed until they end: they have to end bit by bit like one that was left alone.

    python -m tests.robustness.kills 60 1 SCRATCH_FOLDER [--verb train] [--workers 2]
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

import mtzoo.cli.quant_train  # imported here, so that the forked processes need not
import mtzoo.cli.train  # noqa: F401
from mtzoo.cli import deliver
from mtzoo.cli.main import main as mtzoo
from mtzoo.engine.checkpoint import load_checkpoint
from tests.tiny import config_values, phase, write_config, write_images

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDED = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
WORKERS_END_S = 8
BUSY_S = 600


def start(command: Sequence[str], log: Path) -> int:
    """Run the command in a forked process, leader of its own session. Returns its PID."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        status = 99
        try:
            deliver.BENCH_RUNS = 1  # latency is none of this test's business
            status = mtzoo(list(command))
        finally:
            os._exit(status)
    return pid


def wait(pid: int, seconds: float) -> int | None:
    """The exit status, -N after signal N, or None if it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(values[3]) == session and values[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def differences(whole: Path, parts: Path) -> list[str]:
    """In what two finished runs differ: weights, metrics, curves, deploy models."""
    found = [f"{path.name} is missing" for path in whole.glob("*-last.*") if not (parts / path.name).exists()]
    for path in sorted(whole.glob("*-last.pt")):
        one, other = load_checkpoint(path), load_checkpoint(parts / path.name)
        found += [f"{path.name}: {key}" for key, value in one.network.items() if not torch.equal(value, other.network[key])]
        known = [[(stage["name"], stage["metrics"], stage["curve"]) for stage in run.history] for run in (one, other)]
        found += [f"{path.name}: metrics or curves"] if repr(known[0]) != repr(known[1]) else []
    found += [path.name for path in whole.glob("*.onnx") if path.read_bytes() != (parts / path.name).read_bytes()]
    return found + [f"left: {path}" for path in (*parts.rglob("*.part"), *parts.rglob("*.lock"))]


def chain(command: list[str], folder: Path, limit: int, seconds: float, rng: random.Random) -> tuple[Counter[str], list[str]]:
    """Kill a run at most `limit` times, resume it each time, then let it end. (signal -> kills, problems)."""
    kills: Counter[str] = Counter()
    work_dir, log, problems = folder / "run", folder / "log", []
    command = [*command, "--work-dir", str(work_dir)]
    while True:
        pid = start([*command, *(["--resume"] if any(work_dir.glob("*.pt")) else [])], log)
        status = wait(pid, rng.uniform(0, seconds) if kills.total() < limit else BUSY_S)
        if status is None and kills.total() < limit:
            number = rng.choice(SIGNALS)
            os.killpg(pid, number) if number != signal.SIGKILL else os.kill(pid, number)
            status = wait(pid, BUSY_S)
            kills[number.name] += 1
            if status not in (0, ENDED[number]):
                problems.append(f"{number.name} gave status {status}")
            deadline = time.monotonic() + WORKERS_END_S
            while members(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            problems += [f"process {worker} outlived {number.name}" for worker in members(pid)]
        elif status != 0:
            return kills, [*problems, f"ended with {status}: {log.read_text()[-2000:]}"]
        if status == 0:
            return kills, problems


def run(kills: int, seed: int, folder: Path, verb: str, workers: int) -> int:
    """Print what was done; the exit status is 1 if anything was not as it should be."""
    rng = random.Random(seed)
    data = write_images(folder / "data")
    solver = [{"prefix": "with-bn", "float_phase": phase(6), "quant_phase": phase(6)},
              *({"prefix": f"fusion-bn-c{i}", "quant_phase": phase(6)} for i in (1, 2)), {"prefix": "int-inference"}]
    config = write_config(data / "tiny.py", config_values(data, solver=solver))
    command = [verb, "--config", str(config), "--cfg-options", f"env.workers={workers}", "env.checkpoint_interval=2",
               "env.keep_checkpoints=2", "env.threads=1"]
    begun = time.monotonic()
    (folder / "whole").mkdir()
    if status := wait(start([*command, "--work-dir", str(folder / "whole" / "run")], folder / "whole" / "log"), BUSY_S):
        raise RuntimeError(f"the run that was left alone ended with {status}: {(folder / 'whole' / 'log').read_text()[-2000:]}")
    seconds = time.monotonic() - begun
    done: Counter[str] = Counter()
    problems: list[str] = []
    while done.total() < kills:
        place = folder / f"chain-{done.total()}"
        place.mkdir()
        found, wrong = chain(command, place, min(10, kills - done.total()), 0.8 * seconds, rng)
        done += found
        problems += wrong or differences(folder / "whole" / "run", place / "run")
    print(f"{verb}, {workers} workers, seed {seed}: killed {done.total()} times {dict(done)}; problems: {problems or 'none'}")
    return 1 if problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--verb", choices=("train", "quant-train"), default="quant-train")
    parser.add_argument("--workers", type=int, default=0)
    args = parser.parse_args()
    sys.exit(run(args.kills, args.seed, args.folder, args.verb, args.workers))
