"""A command in several processes: what the user sees of them, and what becomes of a run of which one is killed."""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
from torch.distributed.run import parse_args

from mtzoo.cli import launch
from mtzoo.cli.arguments import add_training_arguments
from mtzoo.cli.launch import Outcome, in_processes_of_ctx, outcome_of, tell
from mtzoo.cli.main import main
from mtzoo.cli.own_data import _without_data
from mtzoo.cli.parser import Parser
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.errors import UserError
from tests.tiny import config_values, phase, write_config, write_images

ROOT = Path(__file__).resolve().parents[2]


def test_options_of_the_verb_reach_it_as_they_were_typed():
    """With underscores torchrun has options of the same names, such as --log_dir and --max_restarts."""
    typed = ["quant-train", "--load_from", "a.pt", "--log_dir", "x", "--save_dir=a_b", "--max_restarts", "2"]
    args = parse_args(["--nproc-per-node", "2", "-m", "mtzoo", *typed])
    assert args.training_script_args == typed
    assert (args.log_dir, args.max_restarts) == (None, 0)


def test_a_training_that_torchrun_has_restarted_goes_on(monkeypatch):
    parser = Parser()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    add_training_arguments(parser)
    assert parser.parse_args(["--config", "x"]).resume


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
    outcome = outcome_of({rank: failure(tmp_path, rank, *values) for rank, values in failures.items()})
    assert tell(outcome, "continue with --resume") == status
    assert outcome.killed == (status == 137)
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert bool(err) == bool(said)


@pytest.fixture
def torchrun(monkeypatch):
    """Outcomes that torchrun is to have, one after the other, and what it was asked for."""
    outcomes, asked = [], []
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(launch, "torchrun", lambda arguments: asked.append(arguments) or outcomes.pop(0))
    return outcomes, asked


def verb(args):
    return 77


def called(ctx, *argv, config=None, cfg_options=()):
    return in_processes_of_ctx(verb)(argparse.Namespace(ctx=ctx, argv=["train", *argv], config=config, cfg_options=cfg_options))


def test_what_was_killed_goes_on_and_what_has_failed_does_not(torchrun, capsys):
    outcomes, asked = torchrun
    outcomes += [Outcome(137, "process 1 was ended by SIGKILL", True), Outcome(2, "error: a full disk")]
    assert called("cpu:2", "--config", "x") == 2
    first, second = asked
    assert first[-4:] == ["mtzoo", "train", "--config", "x"]
    assert first[first.index("--nproc-per-node") + 1] == "2"
    assert second == [*first, "--resume"]
    assert capsys.readouterr().err == ("process 1 was ended by SIGKILL; continuing from the last checkpoint (restart 1 of 3)\n"
                                       "error: a full disk\n")


def test_a_verb_without_resume_is_not_started_again(torchrun, capsys):
    outcomes, asked = torchrun
    outcomes += [Outcome(137, "process 1 was ended by SIGKILL", True)]
    assert in_processes_of_ctx(verb, resumes=False)(argparse.Namespace(ctx="cpu:2", argv=["eval", "x.pt"])) == 137
    assert len(asked) == 1
    assert capsys.readouterr().err == "error: process 1 was ended by SIGKILL; run it again\n"


def test_what_is_killed_again_and_again_is_given_up(torchrun, capsys):
    outcomes, asked = torchrun
    outcomes += [Outcome(137, "process 0 was ended by SIGKILL", True)] * 4
    assert called("cpu:3", "--resume") == 137
    assert len({tuple(arguments) for arguments in asked}) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "error: process 0 was ended by SIGKILL; continue with --resume"


@pytest.mark.parametrize("ctx", ["cpu", "cpu:1", "auto", "0"])
def test_one_device_is_one_process(torchrun, ctx):
    assert called(ctx) == 77


def test_a_process_of_torchrun_starts_no_others(torchrun, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert called("cpu:2") == 77


def test_the_config_may_name_the_devices(torchrun, tmp_path):
    outcomes, _ = torchrun
    outcomes += [Outcome(0)]
    config = tmp_path / "config.py"
    config.write_text("env = dict(default_ctx='cpu:2')")
    assert called(None, config=str(config)) == 0
    assert called(None, config=str(config), cfg_options=["env.default_ctx=cpu"]) == 77
    config.write_text("env = 3")
    assert called(None, config=str(config)) == 77  # which tells what is wrong with it


def test_a_gpu_that_is_not_there_is_told_before_anything_is_started(torchrun, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="GPU 1 does not exist; this machine has 1"):
        called("0,1")


@pytest.mark.parametrize("command", [["prune", "--config", "x", "--model-path", "y"], ["compress", "--config", "x"],
                                     ["ptq", "--config", "x"], ["sensitivity", "--config", "x", "--model-path", "y"]])
def test_verbs_of_one_process_take_one_device(command, tmp_path, capsys):
    (tmp_path / "y").touch()
    command = [str(tmp_path / "y") if arg == "y" else arg for arg in command]
    assert main([*command, "--ctx", "cpu:2"]) == 2
    assert capsys.readouterr().err == ("error: --ctx cpu:2: names several devices, and this command works on one; name one, e.g. "
                                       "--ctx cpu\n")


def test_the_data_set_of_train_is_read_by_the_first_process_alone():
    typed = ["train", "--data", "set", "--rename", "a=b", "c=d", "--ctx", "cpu:2", "--save_dir", "w", "--cfg-options", "a=1", "x=2"]
    assert _without_data(typed) == ["train", "--ctx", "cpu:2", "--cfg-options", "a=1", "x=2"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("torchrun") / "data")


def mtzoo(*arguments):
    """The command, started."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "mtzoo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment)


def start(root, work_dir, *options, iterations=4, tasks=("seg",)):
    """`mtzoo train` in two processes on the CPU."""
    solver = [{"prefix": "with-bn", "float_phase": phase(iterations)}, {"prefix": "fusion-bn-c1", "quant_phase": phase()},
              {"prefix": "fusion-bn-c2", "quant_phase": phase()}, {"prefix": "int-inference"}]
    config = write_config(root / f"{work_dir.name}.py", config_values(root, list(tasks), solver=solver))
    return mtzoo("train", "--config", str(config), "--work-dir", str(work_dir), "--ctx", "cpu:2", *options)


@pytest.mark.slow
def test_a_mistake_that_all_processes_find_is_one_line(root, tmp_path):
    process = start(root, tmp_path / "run", "--cfg-options", "sources.masks.images=/gone")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err == "error: source 'masks': no images folder /gone; check its path\n"


@pytest.mark.slow
def test_a_mistake_that_only_the_first_finds_ends_the_other(root, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "precious.pt").touch()
    process = start(root, tmp_path / "old")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err.startswith(f"error: {tmp_path / 'old'}: holds checkpoints but no config.json")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_two_processes_validate_and_evaluate_as_one_does(root, tmp_path):
    validated = "solver.0.float_phase.validation={'every_iterations': 2}"
    process = start(root, tmp_path / "run", "--cfg-options", validated, tasks=["seg", "det"])
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    checkpoint = tmp_path / "run" / "with-bn-float-last.pt"
    record, = load_checkpoint(checkpoint).history
    assert [iteration for iteration, _ in record["validation"]] == [2, 4]
    for options in (), ("--ctx", "cpu:2"):
        process = mtzoo("eval", str(checkpoint), "--json", str(tmp_path / f"{len(options)}.json"), *options)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert out.count("seg/mIoU") <= 1
    alone, shared = (json.loads((tmp_path / f"{count}.json").read_text()) for count in (0, 2))
    assert alone == shared
    assert {name: value for name, value in record["metrics"].items() if not math.isnan(value)} == {
        name: value for name, value in alone.items() if value is not None}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the processes are found in /proc")
def test_one_of_two_is_killed_and_both_go_on_until_a_signal_stops_them(root, tmp_path):
    """The run starts again by itself from its last checkpoint; SIGTERM then stops both at the same iteration, with a checkpoint."""
    process = start(root, tmp_path / "run", iterations=9999)
    wait_for(process, "saved ")
    os.kill(worker(process.pid, rank=1), signal.SIGKILL)
    wait_for(process, "resumed from ")
    wait_for(process, "saved ")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143
    assert time.monotonic() - begun < 30
    (killed,) = [line for line in err.splitlines() if "was ended by" in line]
    assert killed.endswith("process 1 was ended by SIGKILL, probably by the system, because memory ran out; continuing from the last "
                           "checkpoint (restart 1 of 3)")
    last = max((tmp_path / "run").glob("with-bn-0*.pt"))
    done = load_checkpoint(last).progress.iteration
    stopping = "stopping after this iteration; once more to stop at once, without a checkpoint"
    stopped = f"with-bn-float: stopped after iteration {done} of 9999; {last} is saved, go on from there with --resume"
    *before, first, second, third = err.splitlines()
    assert (first, second, third) == (killed, stopping, stopped)
    # Told by the process that lives on, if the launcher ends it before it misses the other, or while it is leaving its loop.
    assert set(before) <= {stopping, "terminated"}


def wait_for(process, text):
    """Read its output up to a line that begins with the text."""
    assert any(line.startswith(text) for line in process.stdout), process.stderr.read()


def worker(parent, rank):
    """The process id of a rank."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            ours = int((path / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if ours and f"RANK={rank}\0".encode() in (path / "environ").read_bytes():
                return int(path.name)
        except OSError:  # gone by now
            continue
    raise AssertionError(f"no process of rank {rank}")
