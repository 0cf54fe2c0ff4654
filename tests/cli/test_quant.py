"""`mtzoo quant` from its command line."""

import json
import shutil

import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.config import load_config
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint
from mtzoo.engine.stages import network_at
from tests.cli.ptq_helpers import write_project


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data, config and a float checkpoint."""
    return write_project(tmp_path_factory.mktemp("quant") / "data")


def quant(root, *arguments, iterations=5):
    return main(["quant", "--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--iters",
                 str(iterations), "--no-bench", "--limit", "2", *map(str, arguments)])


@pytest.mark.slow
def test_one_stage_makes_verified_integers_and_resumes_exactly(root, tmp_path, capsys):
    out = tmp_path / "out"
    options = ("--batch-size", 3, "--learning-rate", 1e-3, "--workers", 0, "--bias-correction")
    assert quant(root, "--out", out, *options) == 0
    values = json.loads((out / "comparison.json").read_text())
    assert values["result"]["differing"][0] == 0
    assert values["result"]["differing"][1] > 1000
    assert values["base"]["bytes"] > values["result"]["bytes"]
    assert read_deploy_file(out / "int-inference-export-last.onnx").info.integer
    trained = load_checkpoint(out / "fusion-bn-c2-last.pt")
    phase = trained.config["solver"][2]["quant_phase"]
    assert (phase["iterations"], phase["batch_size"], phase["optimizer"]["lr"]) == (5, 3, 1e-3)
    assert phase["corrections"] == {"biases": True}
    assert not torch.equal(trained.network["nodes.backbone.stem.conv.weight"],
                           load_checkpoint(out / "fusion-bn-c2-init.pt").network["nodes.backbone.stem.conv.weight"])
    # cut off after its first checkpoint, and taken up again: the same network
    cut = tmp_path / "cut"
    cut.mkdir()
    for name in ("config.json", "fusion-bn-c2-init.pt", "fusion-bn-c2-0001.pt"):
        shutil.copy(out / name, cut / name)
    assert quant(root, "--out", cut, *options, "--resume") == 0
    assert "resumed from" in capsys.readouterr().out
    integers = [load_checkpoint(folder / "int-inference-last.pt").network for folder in (out, cut)]
    assert all(torch.equal(value, integers[1][name]) for name, value in integers[0].items())
    # a run that is through is only delivered again
    assert quant(root, "--out", cut, *options, "--resume") == 0
    assert quant(root, "--out", cut, *options) == 2
    assert "continue with --resume" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_task_alone_with_a_float_head_is_delivered_as_what_it_is(root, tmp_path, capsys):
    out = tmp_path / "out"
    option = "quantization={'not_quant_pattern': ['nodes.seg_head.*']}"
    assert quant(root, "--out", out, "--tasks", "seg", "--cfg-options", option, iterations=2) == 0
    assert "NOT an integer network" in capsys.readouterr().out
    assert set(json.loads((out / "comparison-mixed.json").read_text())["drops"]) == {"seg"}
    assert not read_deploy_file(out / "mixed-export-last.onnx").info.integer
    assert main(["eval", str(out / "mixed-last.pt"), "--limit", "2"]) == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (["--iters", "0"], "--iters 0: must be at least 1"),
    (["--learning-rate", "2"], "--learning-rate 2.0"),
    (["--checkpoint", "nowhere.pt"], "nowhere.pt: no such checkpoint"),
    (["--cfg-options", "nodes.backbone.width=0.5"], "checkpoint of another network"),
    (["--cfg-options", "quantization={'not_quant_pattern': ['seg_head']}"], "matches no layer; '*seg_head*' would"),
])
def test_bad_arguments_are_one_line(root, tmp_path, capsys, arguments, message):
    assert quant(root, "--out", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_rounds_is_one_line(root, tmp_path, capsys):
    config = load_config(root / "tiny.py")
    net = network_at(config, 2, quantized=True)
    save_checkpoint(tmp_path / "x.pt", Checkpoint(dict(config.resolved), Progress(2, True, 0, True), net.state_dict()))
    assert quant(root, "--checkpoint", tmp_path / "x.pt", "--out", tmp_path / "out") == 2
    assert "expected a float one" in capsys.readouterr().err
