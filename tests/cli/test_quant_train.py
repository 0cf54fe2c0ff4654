"""The main job from its command line: alone, with one task, and in two processes."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import load_checkpoint
from tests.engine.teachers import save_teacher
from tests.tiny import config_values, write_config, write_images

pytestmark = pytest.mark.slow

STEPS = ["with-bn-float", "with-bn", "fusion-bn-c1", "fusion-bn-c2", "int-inference"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("quant_train") / "data")


@pytest.fixture(scope="module")
def config(root):
    return write_config(root / "tiny.py", config_values(root))


@pytest.fixture(scope="module")
def finished(config, root):
    """The work dir of a finished run."""
    assert main(["quant-train", "--config", str(config), "--out", str(root / "run")]) == 0
    return root / "run"


def test_a_run_leaves_a_verified_model_and_a_report(finished):
    report = json.loads((finished / "report.json").read_text())
    assert [step["name"] for step in report["steps"]] == STEPS
    assert report["steps"][3]["metrics"].keys() == report["steps"][4]["metrics"].keys()
    assert report["verify"]["values"] > 0
    assert report["verify"]["mismatches"] == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert all(value > 0 for value in report["latency_ms"].values())
    model = finished / "int-inference-export-last.onnx"
    assert report["bytes"][model.name] == model.stat().st_size
    assert {f"{prefix}-last.pt" for prefix in ("with-bn", "fusion-bn-c1", "fusion-bn-c2", "int-inference")} \
        <= {path.name for path in finished.glob("*.pt")}
    html = (finished / "report.html").read_text()
    assert all(f">{name}<" in html for name in STEPS)
    assert report["mistakes"]["seg"]["confusion"]
    assert report["mistakes"]["det"]["precision_by_recall"]
    assert len(report["mistakes"]["seg"]["worst"]) == 4
    assert set(re.findall('alt="([^"]*: chart)" src="data:image/svg.xml;base64,', html)) == {"det: chart", "seg: chart"}


def test_the_deploy_model_equals_step_2_in_every_metric(finished):
    """The same evaluator on the fake-quant network and on the file, run by OpenVINO: bit for bit means equal here."""
    steps = {step["name"]: step["metrics"] for step in json.loads((finished / "report.json").read_text())["steps"]}
    assert steps["int-inference"] == steps["fusion-bn-c2"]
    assert any(value > 0 for value in steps["int-inference"].values())


def test_a_finished_run_resumes_into_its_report(finished, config, capsys):
    (finished / "report.json").unlink()
    assert main(["quant-train", "--config", str(config), "--out", str(finished), "--resume"]) == 0
    out = capsys.readouterr().out
    assert "resumed from" in out
    assert "iterations in" not in out  # nothing is trained again
    assert json.loads((finished / "report.json").read_text())["verify"]["mismatches"]["openvino"] == 0


def test_a_pipeline_test_of_one_task_is_told_on_one_screen_and_has_no_boxes(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)  # for paths of a usual length
    options = ["--cfg-options", "int_inference_export_input_shape={'image': (1, 3, 64, 96)}"]
    assert main(["quant-train", "--config", str(config), "--tasks", "seg", "--pipeline-test", "--out", "run", *options]) == 0
    told = [line for text in capsys.readouterr() for line in text.splitlines()]
    assert 20 < sum(max(1, math.ceil(len(line) / 80)) for line in told) <= 60  # as many with six tasks: they share lines
    info = read_deploy_file(tmp_path / "run" / "int-inference-export-last.onnx").info
    assert [value.name for value in info.inputs] == ["image"]
    assert [value.name for value in info.outputs] == ["seg.labels"]


@pytest.mark.thorough
def test_two_processes_train_one_network_and_learn_from_a_teacher(root, tmp_path):
    """`--ctx cpu:2`: gradients are averaged, one of the two speaks, evaluates and writes, and the run delivers. An auxiliary head
    helps; weights are averaged, gradients of several batches too, and each phase of step 0 ends with its best weights."""
    teacher, wider = tmp_path / "teacher.pt", config_values(root)
    wider["nodes"]["backbone"]["width"] = 0.5
    save_teacher(teacher, wider)
    values = config_values(root, distillation={"teacher": str(teacher), "features": {"backbone.stages.2": 1.0}})
    head = {"name": "aux", "type": "DenseSegmentationHead", "inputs": ["backbone.mod4"], "strides": [16]}
    values["tasks"]["seg"]["auxiliary"] = [{"node": head}]
    better = {"ema": {"decay": 0.5, "warmup_iterations": 0}, "validation": {"every_iterations": 2, "keep": "best", "images": 2},
              "batch_size": 1, "accumulate_grad_batches": 2}
    for phase in ("float_phase", "quant_phase"):
        values["solver"][0][phase] |= better
    config = write_config(tmp_path / "taught.py", values)
    command = [sys.executable, "-m", "mtzoo", "quant-train", "--config", str(config), "--out", str(tmp_path / "run"),
               "--ctx", "cpu:2",
               "--cfg-options", "env.checkpoint_interval=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.count("with-bn-float 4/4  loss") == 1
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [step["name"] for step in report["steps"]] == STEPS
    assert report["verify"]["mismatches"] == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    begun, done = (load_checkpoint(tmp_path / "run" / f"with-bn-float-{tag}.pt") for tag in ("init", "last"))
    terms = set(done.history[0]["curve"][-1][1])
    assert {"distil.det.cls", "distil.seg.logits", "distil.backbone.stages.2", "seg.aux.loss_ce"} <= terms
    best = load_checkpoint(tmp_path / "run" / "with-bn-float-best.pt")
    assert all(torch.equal(value, done.network[name]) for name, value in best.network.items())
    assert ran.stdout.count("  validation  ") == 4
    weight = "nodes.backbone.stem.conv.weight"
    assert not torch.equal(begun.network[weight], done.network[weight])
