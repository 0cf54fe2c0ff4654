"""Two processes of a training: what the user sees when one of them fails."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from mtzoo.engine.checkpoint import load_checkpoint
from tests.tiny import config_values, phase, write_config, write_images

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def launcher():
    """tools/torchrun_mtzoo.py as a module."""
    spec = importlib.util.spec_from_file_location("torchrun_mtzoo", ROOT / "tools" / "torchrun_mtzoo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_options_of_the_verb_reach_it_as_they_were_typed():
    """With underscores torchrun has options of the same names, such as --log_dir and --max_restarts."""
    typed = ["quant-train", "--load_from", "a.pt", "--log_dir", "x", "--save_dir=a_b", "--max_restarts", "2"]
    args = launcher().parse_args(["--nproc-per-node", "2", "-m", "mtzoo", *typed])
    assert args.training_script_args == typed
    assert (args.log_dir, args.max_restarts) == (None, 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("torchrun") / "data")


def start(root, work_dir, *options, iterations=4):
    """`mtzoo train` in two processes on the CPU."""
    solver = [{"prefix": "with-bn", "float_phase": phase(iterations)}, {"prefix": "fusion-bn-c1", "quant_phase": phase()},
              {"prefix": "fusion-bn-c2", "quant_phase": phase()}, {"prefix": "int-inference"}]
    config = write_config(root / f"{work_dir.name}.py", config_values(root, ["seg"], solver=solver))
    launch = [sys.executable, str(ROOT / "tools" / "torchrun_mtzoo.py"), "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "mtzoo", "train", "--config", str(config), "--work-dir", str(work_dir), "--ctx", "cpu", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_mistake_that_all_processes_find_is_one_line(root, tmp_path):
    process = start(root, tmp_path / "run", "--cfg-options", "sources.masks.images=/gone")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err == "error: source 'masks': no images folder /gone; check its path\n"


def test_a_mistake_that_only_the_first_finds_ends_the_other(root, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "precious.pt").touch()
    process = start(root, tmp_path / "old")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err.startswith(f"error: {tmp_path / 'old'}: holds checkpoints but no config.json")
    assert err.count("\n") == 1


def failure(folder, rank, exitcode, seconds, message=""):
    """As torchrun reports it. message: what the process has left in its error file."""
    path = folder / f"{rank}.json"
    if message:
        path.write_text(json.dumps({"message": message, "timestamp": seconds}))
    made = ProcessFailure(rank, 1000 + rank, exitcode, str(path))
    made.timestamp = seconds
    return made


@pytest.mark.parametrize(("failures", "status", "said"), [
    ({0: (-15, 5, "error: a"), 1: (2, 6)}, 2, "error: a\n"),  # ended by torchrun when it had told and was not yet gone
    ({0: (2, 5, "error: a"), 1: (2, 4, "error: b")}, 2, "error: b\n"),
    ({0: (-15, 5), 1: (1, 6)}, 1, ""),  # its traceback is on the terminal
    ({0: (143, 5), 1: (-9, 6)}, 137, "error: process 1 was ended by SIGKILL"),
])
def test_the_process_that_failed_tells_whichever_was_gone_first(tmp_path, capsys, failures, status, said):
    assert launcher().tell({rank: failure(tmp_path, rank, *values) for rank, values in failures.items()}) == status
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert bool(err) == bool(said)


def test_sigterm_stops_both_at_the_same_iteration_with_a_checkpoint(root, tmp_path):
    process = start(root, tmp_path / "run", "--cfg-options", "env.checkpoint_interval=9999", iterations=9999)
    for line in process.stdout:
        if "with-bn-float 2/9999" in line:
            break
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143
    assert time.monotonic() - begun < 30
    done = load_checkpoint(tmp_path / "run" / "with-bn-0001.pt").progress.iteration
    assert err.splitlines()[-1] == (f"with-bn-float: stopped after iteration {done} of 9999; {tmp_path / 'run' / 'with-bn-0001.pt'} is "
                                    "saved, go on from there with --resume")
