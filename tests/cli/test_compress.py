"""`mtzoo compress` from its command line, latencies given: a tiny network has none worth measuring."""

import json
import re
import shutil

import cv2
import pytest

from mtzoo.cli.main import main
from mtzoo.compression.candidates import ORIGINAL
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine import candidates
from mtzoo.engine.compress_state import STATE
from mtzoo.recipes.compress import search
from mtzoo.recipes.compress.candidate_run import CandidateRun
from tests.cli.ptq_helpers import write_project

SPEEDUPS = {"bf16": 1.5, "int8": 2.0, "prune0.3+int8": 3.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("compress") / "data")


@pytest.fixture
def given_latencies(monkeypatch):
    monkeypatch.setattr(search, "measured_latency",
                        lambda nets, spec, threads: {c: 30.0 / SPEEDUPS.get(c.name, 1.0) for c in nets})


def run(root, *arguments):
    return main(["compress", "--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--iters", "2",
                 "--calib-images", "4", "--threads", "1", *map(str, arguments)])


@pytest.mark.slow
def test_the_fastest_that_holds_is_kept_and_an_interrupted_run_repeats_nothing(root, tmp_path, given_latencies, monkeypatch, capsys):
    """Interrupted when the second candidate is about to be trained."""
    out, trained, real = tmp_path / "out", [], search.train_candidate

    def interrupted(trial, candidate):
        trained.append(candidate.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return real(trial, candidate)

    monkeypatch.setattr(search, "train_candidate", interrupted)
    holds = CandidateRun.holds
    monkeypatch.setattr(CandidateRun, "holds", lambda trial, result: "prune" not in result.name and holds(trial, result))
    assert run(root, "--out", out, "--max-drop", 100) == 130
    assert (out / "prune0.3+int8" / "quant").is_dir()  # calibration alone did not hold: trained with quantization
    assert run(root, "--out", out, "--max-drop", 100) == 2
    assert "is not empty" in capsys.readouterr().err
    monkeypatch.setattr(candidates, "plan_pruning", lambda *args: pytest.fail("channels are chosen once"))
    assert run(root, "--out", out, "--max-drop", 100, "--resume") == 0
    assert trained == ["prune0.3+int8", "int8", "int8"]
    printed = capsys.readouterr().out
    assert "prune0.3+int8, int8, bf16" in printed
    assert all("not trained" in line for line in printed.splitlines() if "sparse0.75+bf16" in line)
    state = json.loads((out / STATE).read_text())
    assert set(state["results"]) == {"prune0.3+int8", "int8"}
    assert set(state["latency_ms"]) >= {ORIGINAL.name, "bf16", "sparse0.75+int8"}
    assert read_deploy_file(out / "compressed.onnx").info.integer
    assert cv2.imread(str(out / "compress.png")) is not None


@pytest.mark.thorough
def test_a_float_winner_and_predicted_latencies(root, tmp_path, capsys):
    """A sparse network is what the ARM profile has float kernels for. Its teacher is the one that was asked for."""
    teacher = tmp_path / "teacher.pt"
    shutil.copy(root / "float.pt", teacher)
    arguments = ["--deploy-hardware", "generic-arm-a75", "--strategy", "sparse", "--max-drop", 100, "--distill-from", teacher]
    assert run(root, *arguments, "--out", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "times as fast as the original" in out
    assert out.count("generic-arm-a75: no rates for stems, which") == 1
    trained = json.loads((tmp_path / "out" / "sparse0.75" / "float" / "config.json").read_text())
    assert trained["config"]["distillation"]["teacher"] == str(teacher)
    model, image = tmp_path / "out" / "compressed.onnx", root / "images" / "0.png"
    assert main(["predict", str(model), str(image), "--out", str(tmp_path / "p")]) == 0


@pytest.mark.thorough
def test_a_bound_that_nothing_holds_keeps_what_was_trained(root, tmp_path, given_latencies, monkeypatch, capsys):
    monkeypatch.setattr(CandidateRun, "holds", lambda trial, result: False)
    assert run(root, "--strategy", "int8", "--out", tmp_path / "out") == 1
    assert "none of the 1 candidates" in capsys.readouterr().out
    assert not (tmp_path / "out" / "compressed.onnx").exists()
    assert list((tmp_path / "out" / "int8").glob("*.onnx"))


@pytest.mark.slow
def test_where_nothing_pays_nothing_is_trained(root, tmp_path, given_latencies, capsys):
    assert run(root, "--strategy", "sparse", "--out", tmp_path / "out") == 1
    assert "on host-cpu sparse0.75 does not pay" in capsys.readouterr().out  # int8 would
    assert json.loads((tmp_path / "out" / STATE).read_text())["results"] == {}


@pytest.mark.parametrize(("arguments", "message"), [
    (["--deploy-hardware", "generic-arm-a57"], "hardware 'generic-arm-a57': not known.*host-cpu"),
    (["--strategy", "int4"], "--strategy int4: not one for this hardware"),
    (["--target-speedup", "1"], "--target-speedup 1.0: expected more than 1"),
    (["--max-drop", "-1"], "--max-drop -1.0: points"),
    (["--target-speedup", "9"], "--target-speedup 9: cannot be met"),
])
def test_bad_input_is_one_line(root, tmp_path, given_latencies, capsys, arguments, message):
    assert run(root, "--out", tmp_path / "out", *arguments) == 2
    *notes, error = capsys.readouterr().err.splitlines()
    assert notes == [line for line in notes if line.startswith("--threads: changes nothing")]
    assert re.search(message, error)
