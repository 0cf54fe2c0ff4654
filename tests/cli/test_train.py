"""`mtzoo train` as a user meets it, and what it says to what cannot work."""

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.config import load_config
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.progress import Progress
from mtzoo.engine.work_dir import WorkDir
from tests.processes import other_process
from tests.tiny import GRAPH_NODES, config_values, phase, write_config, write_images

pytestmark = pytest.mark.slow


def values(root, **changes):
    solver = [{"prefix": "with-bn", "float_phase": phase()}, {"prefix": "fusion-bn-c1", "quant_phase": phase()},
              {"prefix": "fusion-bn-c2", "quant_phase": phase()}, {"prefix": "int-inference"}]
    return config_values(root, ["seg"], **{"solver": solver, **changes})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("train") / "data")


@pytest.fixture(scope="module")
def config(root):
    return write_config(root / "tiny.py", values(root))


@pytest.fixture(scope="module")
def finished(config, root):
    """The work dir of a finished run."""
    assert main(["train", "--config", str(config), "--out", str(root / "finished")]) == 0
    return root / "finished"


def refused(argv, capsys):
    capsys.readouterr()
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_run_leaves_checkpoints_curves_and_a_table(finished, config, capsys, tmp_path):
    assert {"config.json", "tensorboard", "with-bn-float-init.pt", "with-bn-0001.pt", "with-bn-float-last.pt"} \
        <= {path.name for path in finished.iterdir()}
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--pipeline-test"]) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("with-bn-float 4/4  loss"))  # whole, though no terminal
    assert all(word in line for word in ("lr ", "images/s", "data wait", "ETA 0:00"))
    assert "IoU" in out
    assert f"checkpoint: {tmp_path / 'run' / 'with-bn-float-last.pt'}" in out


def test_a_run_of_the_same_config_wants_resume(finished, config, capsys):
    assert "--resume" in refused(["train", "--config", str(config), "--out", str(finished)], capsys)
    assert main(["train", "--config", str(config), "--out", str(finished), "--resume"]) == 0


def test_the_work_dir_of_another_config_is_left_alone(finished, config, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    line = refused(["train", "--config", str(config), "--out", str(finished), "--resume", "--cfg-options", "env.seed=7"], capsys)
    assert "holds the run of another config" in line
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_a_truncated_checkpoint_is_named(finished, config, capsys, tmp_path):
    cut = tmp_path / "cut.pt"
    cut.write_bytes((finished / "with-bn-float-last.pt").read_bytes()[:5000])
    line = refused(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--checkpoint", str(cut)], capsys)
    assert "cut.pt: truncated" in line


def test_the_checkpoint_of_another_network_is_named(finished, config, capsys, tmp_path):
    line = refused(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--checkpoint",
                    str(finished / "with-bn-float-last.pt"), "--cfg-options", "nodes.backbone.width=0.5"], capsys)
    assert "with-bn-float-last.pt: checkpoint of another network" in line


def test_a_full_disk_keeps_the_previous_checkpoint_and_the_run_goes_on(finished, config, capsys, tmp_path):
    """Files may not outgrow the first checkpoint, which has no optimizer: the second does not fit."""
    command = ["train", "--config", str(config), "--out", str(tmp_path / "run")]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((finished / "with-bn-float-init.pt").stat().st_size + 4096, before[1]))
    try:
        line = refused(command, capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "with-bn-0001.pt: cannot be written" in line
    assert "--resume" in line
    assert [path.name for path in (tmp_path / "run").glob("*.pt*")] == ["with-bn-float-init.pt"]
    assert load_checkpoint(tmp_path / "run" / "with-bn-float-init.pt").progress.iteration == 0
    assert main([*command, "--resume"]) == 0
    whole, parts = (load_checkpoint(folder / "with-bn-float-last.pt").network for folder in (finished, tmp_path / "run"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


@pytest.mark.parametrize(("options", "message"), [
    (["--ctx", "gpu0"], "--ctx gpu0: expected 'cpu', 'cpu:2', 'auto' or GPU indices"),
    (["--checkpoint", "gone.pt"], "gone.pt: no such checkpoint"),
    (["--cfg-options", "sources.masks.images=gone"], "gone"),
    (["--cfg-options", "solver.0.float_phase.batch_size=99"], "batch_size=99"),
])
def test_what_cannot_work_is_one_line(config, capsys, tmp_path, options, message):
    assert message in refused(["train", "--config", str(config), "--out", str(tmp_path / "run"), *options], capsys)


@pytest.mark.parametrize(("number", "status", "workers"), [(signal.SIGINT, 130, 0), (signal.SIGTERM, 143, 1)])
def test_a_stopped_run_saves_and_goes_on_as_if_never_stopped(finished, config, capsys, tmp_path, monkeypatch, number, status,
                                                             workers):
    """The signal comes in iteration 3, goes to all processes of the run as from a terminal, and no checkpoint is due."""
    add = Progress.add

    def interrupted(progress, iteration, *args):
        if iteration == 3:
            for child in multiprocessing.active_children():
                os.kill(child.pid, number)
            os.kill(os.getpid(), number)
        add(progress, iteration, *args)

    monkeypatch.setattr(Progress, "add", interrupted)
    work_dir = tmp_path / "run"
    command = ["train", "--config", str(config), "--out", str(work_dir), "--cfg-options", "env.checkpoint_interval=99",
               f"env.workers={workers}"]
    assert main(command) == status
    told, saved = [line for line in capsys.readouterr().err.splitlines() if "stop" in line], work_dir / "with-bn-0001.pt"
    assert told[-1] == f"with-bn-float: stopped after iteration 3 of 4; {saved} is saved, go on from there with --resume"
    assert len(told) == 1
    assert load_checkpoint(work_dir / "with-bn-0001.pt").progress.iteration == 3
    monkeypatch.undo()
    assert main([*command, "--resume"]) == 0
    whole, parts = (load_checkpoint(folder / "with-bn-float-last.pt") for folder in (finished, work_dir))
    assert all(torch.equal(value, parts.network[name]) for name, value in whole.network.items())
    assert [h["curve"] for h in whole.history] == [h["curve"] for h in parts.history]


def test_a_second_run_in_the_work_dir_is_refused(finished, config, capsys):
    held = WorkDir(finished, load_config(config, {}, []), 2)
    with other_process(lambda: held.claim(resume=True)):
        for options in ([], ["--resume"]):
            line = refused(["train", "--config", str(config), "--out", str(finished), *options], capsys)
            assert "finished: in use by process" in line


def test_a_work_dir_deleted_while_it_trains_is_one_line(config, capsys, tmp_path, monkeypatch):
    add = Progress.add

    def deleted(progress, iteration, *args):
        if iteration == 1:
            shutil.rmtree(tmp_path / "run")
        add(progress, iteration, *args)

    monkeypatch.setattr(Progress, "add", deleted)
    assert "the work dir was deleted" in refused(["train", "--config", str(config), "--out", str(tmp_path / "run")], capsys)
    assert not (tmp_path / "run").exists()


def test_a_teacher_is_named_by_an_option(finished, config, capsys, tmp_path):
    command = ["train", "--config", str(config), "--pipeline-test", "--distill-from"]
    assert main([*command, str(finished / "with-bn-float-last.pt"), "--out", str(tmp_path / "run")]) == 0
    saved = load_checkpoint(tmp_path / "run" / "with-bn-float-last.pt")
    assert saved.config["distillation"] == {"teacher": str(finished / "with-bn-float-last.pt")}
    assert saved.history[-1]["curve"][-1][1]["distil.seg.logits"] > 0
    assert "gone.pt: no such checkpoint" in refused([*command, "gone.pt", "--out", str(tmp_path / "other")], capsys)
    assert not (tmp_path / "other").exists()


def test_a_config_without_a_float_phase_is_one_line(root, capsys, tmp_path):
    solver = values(root)["solver"]
    path = write_config(tmp_path / "c.py", values(root, solver=[{"prefix": "with-bn", "quant_phase": phase()}, *solver[1:]]))
    assert "solver[0] has no float_phase" in refused(["train", "--config", str(path), "--out", str(tmp_path / "run")], capsys)


def test_a_work_dir_that_cannot_be_made_is_one_line(config, capsys, tmp_path):
    (tmp_path / "taken").write_text("")
    for place in ("taken", "taken/run"):
        assert "taken" in refused(["train", "--config", str(config), "--out", str(tmp_path / place)], capsys)


def test_a_pipeline_test_starts_from_the_weights_that_the_config_names(root, finished, tmp_path, capsys):
    start = finished / "with-bn-float-last.pt"
    test = {"iterations": 1, "batch_size": 2, "load_from": str(start), "learning_rate": 1e-5}
    config = write_config(tmp_path / "tiny.py", values(root, pipeline_test=test))
    other = write_config(tmp_path / "other.py", values(root, pipeline_test=test, nodes={**GRAPH_NODES, "backbone": {
        **GRAPH_NODES["backbone"], "width": 0.5}}))

    def told(config, run, *options):
        assert main(["train", "--config", str(config), "--out", str(tmp_path / run), *options]) == 0
        shown = capsys.readouterr()
        return " ".join((shown.out + shown.err).split())

    assert f"{start}: " in (shown := told(config, "a", "--pipeline-test"))
    assert "lr 1.00e-05" in shown
    assert "tensors loaded" not in (shown := told(config, "b", "--pipeline-test", "--from-scratch"))
    assert "lr 2.00e-03" in shown
    assert "of another network" in (shown := told(other, "c", "--pipeline-test"))
    assert "starting from random weights" in shown
    start_of_all = write_config(tmp_path / "all.py", values(root, load_from=str(start)))
    assert f"{start}: " in (shown := told(start_of_all, "e"))
    assert "lr 1.71e-03" in shown
    assert "lr 1.71e-05" in told(start_of_all, "f", "--pipeline-test")
    assert "tensors loaded" not in told(start_of_all, "g", "--from-scratch")
    unknown = write_config(tmp_path / "unknown.py", values(root))
    shown = told(unknown, "h", "--pipeline-test")
    assert "the zoo has no float weights for this config: the pipeline test starts from random ones" in shown
    shown = told(config, "d", "--from-scratch")
    assert "tensors loaded" not in shown
    assert "--from-scratch changes nothing" in shown


@pytest.mark.parametrize(("first", "then", "batch_size"), [("cpu", "cpu:2", 4), ("cpu:2", "cpu", 2)])
def test_other_processes_go_on_with_the_same_batches(root, tmp_path, first, then, batch_size):
    """With weights that hardly move, the first BN's mean tells which images the processes have seen together."""
    solver = [{"prefix": "with-bn", "float_phase": phase(6, batch_size=batch_size, optimizer={"type": "SGD", "lr": 1e-9})}]
    env = {**values(root)["env"], "checkpoint_interval": 1}
    config = write_config(tmp_path / "shared.py", values(root, solver=[*solver, *values(root)["solver"][1:]], env=env))
    run = tmp_path / "run"

    def trained(ctx, *more):
        command = [sys.executable, "-m", "mtzoo", "train", "--config", str(config), "--out", str(run), "--ctx", ctx, *more]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                             env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])})
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stdout, load_checkpoint(run / "with-bn-float-last.pt").network["nodes.backbone.stem.bn.running_mean"]

    _, whole = trained(first)
    halfway = load_checkpoint(run / "with-bn-0003.pt").network["nodes.backbone.stem.bn.running_mean"]
    for path in (*run.glob("with-bn-000[456].pt"), run / "with-bn-float-last.pt"):
        path.unlink()
    told, resumed = trained(then, "--resume")
    counts = "1 processes began it, 2 share" if then == "cpu:2" else "2 processes began it, 1 share"
    assert f"with-bn-0003.pt; {counts} its batches now" in told
    torch.testing.assert_close(resumed, whole, rtol=1e-4, atol=1e-6)
    assert (halfway - whole).abs().max() > 1e-3
