"""`mtzoo ptq` from its command line."""

import json

import cv2
import numpy as np
import onnx
import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.config import config_from_dict, load_config
from mtzoo.config.portable import portable
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint
from mtzoo.engine.stages import network_at
from tests.cli.ptq_helpers import write_project
from tests.tiny import HW, config_values, write_config, write_images

FOUR_BITS = "quantization={'weight_bits': 4}"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data, config and a float checkpoint; the masks are the checkpoint's own answers."""
    return write_project(tmp_path_factory.mktemp("ptq") / "data", own_masks=True)


def ptq(root, *arguments, count=4):
    return main(["ptq", "--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--calib-images", str(count),
                 "--no-bench", *map(str, arguments)])


@pytest.mark.slow
def test_integers_equal_on_every_executor_and_compared(root, tmp_path, capsys):
    out = tmp_path / "out"
    assert ptq(root, "--out", out, "--equalize", "activations", "--bias-correction") == 0
    values = json.loads((out / "comparison.json").read_text())
    assert values["base"]["metrics"]["seg/mIoU"] == 100
    assert 20 < values["result"]["metrics"]["seg/mIoU"] < 100
    assert values["result"]["differing"][0] == 0
    assert values["result"]["differing"][1] > 1000
    assert values["result"]["bytes"] < values["base"]["bytes"]
    assert "verify: differing values" in capsys.readouterr().out
    assert read_deploy_file(out / "int-inference-export-last.onnx").info.integer
    # the checkpoint is one of step 3 like any other: the same metrics, the same file
    assert main(["eval", str(out / "int-inference-last.pt"), "--json", str(tmp_path / "m.json")]) == 0
    assert json.loads((tmp_path / "m.json").read_text())["seg/mIoU"] == values["result"]["metrics"]["seg/mIoU"]
    assert main(["export", str(out / "int-inference-last.pt"), "--out", str(tmp_path / "again.onnx")]) == 0
    weights = [{t.name: t.raw_data for t in onnx.load(file).graph.initializer}
               for file in (out / "int-inference-export-last.onnx", tmp_path / "again.onnx")]
    assert weights[0] == weights[1]
    assert main(["verify", str(tmp_path / "again.onnx"), "--images", str(root / "images"), "--limit", "1"]) == 0
    assert ptq(root, "--out", out) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.slow
def test_the_worst_parts_stay_in_float_and_nothing_is_called_exact(root, tmp_path, capsys):
    out = tmp_path / "out"
    options = ("--out", out, "--tasks", "seg", "--cfg-options", FOUR_BITS)
    whole = tmp_path / "whole"
    assert ptq(root, "--tasks", "seg", "--out", whole, "--cfg-options", FOUR_BITS) == 0
    drop = json.loads((whole / "comparison.json").read_text())["drops"]["seg"]
    assert drop > 1
    assert ptq(root, *options, "--max-drop", 0.9 * drop) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "NOT an integer network" in text
    assert "not promised" in text
    values = json.loads((out / "comparison-mixed.json").read_text())
    assert values["drops"]["seg"] <= 0.9 * drop
    info = read_deploy_file(out / "mixed-export-last.onnx").info
    assert not info.integer
    assert info.config == portable(config_from_dict(load_checkpoint(out / "mixed-last.pt").config)).resolved
    assert info.config["quantization"]["not_quant_pattern"]
    data = ("--cfg-options", f"data_root={root}")
    assert main(["eval", str(out / "mixed-export-last.onnx"), "--json", str(tmp_path / "m.json"), *data]) == 0
    assert json.loads((tmp_path / "m.json").read_text())["seg/mIoU"] == values["result"]["metrics"]["seg/mIoU"]
    assert read_deploy_file(out / "int-inference-export-last.onnx").info.integer
    assert main(["eval", str(out / "mixed-last.pt"), "--json", str(tmp_path / "m.json")]) == 0
    assert abs(json.loads((tmp_path / "m.json").read_text())["seg/mIoU"] - values["result"]["metrics"]["seg/mIoU"]) < 0.5
    assert main(["verify", str(out / "mixed-export-last.onnx"), "--images", str(root / "images"), "--limit", "1"]) == 0
    assert "NOT an integer network: equality is not promised" in capsys.readouterr().out
    # a second run finds the table of the first
    kept = (out / "noise.json").read_text()
    for file in out.iterdir():
        if file.name not in ("noise.json", "noise.png"):
            file.unlink()
    assert ptq(root, *options, "--max-drop", 0) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "parts measured before" in text
    assert "cannot be reached" in text
    assert "mtzoo quant --checkpoint" in text
    assert (out / "noise.json").read_text() == kept


def test_without_a_config_the_one_in_the_checkpoint_is_taken(root, tmp_path, capsys):
    options = ["--checkpoint", str(root / "float.pt"), "--out", str(tmp_path / "out")]
    assert main(["ptq", *options, "--calib-images", "7"]) == 2
    assert "the training sources have 6 images" in capsys.readouterr().err
    assert main(["ptq", *options, "--cfg-options", "quantization.observer=msee"]) == 2
    assert "float.pt: quantization: " in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "count", "message"), [
    ([], 0, "--calib-images 0: must be at least 1"),
    ([], 7, "the training sources have 6 images"),
    (["--max-drop", "-1"], 4, "--max-drop -1"),
    (["--max-drop", "nan"], 4, "--max-drop nan"),
    (["--limit", "0"], 4, "--limit 0"),
    (["--threads", "0"], 4, "--threads 0"),
    (["--cfg-options", "quantization.observer=msee"], 4, "did you mean 'mse'"),
    (["--cfg-options", "nodes.backbone.width=0.5"], 4, "checkpoint of another network"),
    (["--cfg-options", "quantization.activation_bits=12"], 4, "activation_bits=12: 8, or 16"),
    (["--cfg-options", "quantization.int16_pattern=['nodes.sge_head.*']"], 4, "int16_pattern 'nodes.sge_head.*' matches no layer"),
    (["--cfg-options", "quantization.weight_quantize_type=range_abs_max"], 4, "weights need no observer"),
])
def test_bad_arguments_are_one_line(root, tmp_path, capsys, arguments, count, message):
    assert ptq(root, "--out", tmp_path / "out", *arguments, count=count) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_checkpoint_that_rounds_is_one_line(root, tmp_path, capsys, step):
    config = load_config(root / "tiny.py")
    net = network_at(config, min(step, 2), quantized=True)
    save_checkpoint(tmp_path / "x.pt", Checkpoint(dict(config.resolved), Progress(step, True, 0, True), net.state_dict()))
    assert ptq(root, "--checkpoint", tmp_path / "x.pt", "--out", tmp_path / "out") == 2
    assert "expected a float one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_black_images_show_nothing_and_a_full_folder_stays(root, tmp_path, capsys):
    dark = write_images(tmp_path / "dark")
    for path in (dark / "images").iterdir():
        cv2.imwrite(str(path), np.zeros((*HW, 3), np.uint8))
    config = write_config(tmp_path / "dark.py", config_values(dark))
    assert ptq(root, "--config", config, "--out", tmp_path / "out") == 2
    assert "the calibration set shows nothing" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert ptq(root, "--out", tmp_path / "full") == 2
    assert "--out" in capsys.readouterr().err
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_the_float_checkpoint_is_not_changed(root):
    assert not load_checkpoint(root / "float.pt").progress.quantized
    assert all(torch.isfinite(v.float()).all() for v in load_checkpoint(root / "float.pt").network.values())


@pytest.mark.thorough
def test_a_config_that_leaves_layers_in_float_gives_no_integer_network(root, tmp_path, capsys):
    out = tmp_path / "out"
    option = "quantization={'not_quant_pattern': ['nodes.backbone.stem']}"
    assert ptq(root, "--tasks", "seg", "--out", out, "--cfg-options", option) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "NOT an integer network" in text
    assert "not promised" in text
    assert {path.name for path in out.glob("*.pt")} == {"mixed-last.pt"}


@pytest.mark.thorough
def test_each_head_has_its_own_format_through_eval_verify_and_bench(root, tmp_path, capsys):
    out = tmp_path / "out"
    assert ptq(root, "--out", out, "--cfg-options", "tasks.seg.quantization={'activation_bits': 16}",
               "tasks.det.quantization={'op_types': []}") == 0
    assert "NOT an integer network" in capsys.readouterr().out
    model = str(out / "mixed-export-last.onnx")
    values = json.loads((out / "comparison-mixed.json").read_text())["result"]
    # the checkpoint and the file in both runtimes say nearly the same: a label at the border of two classes may fall to either side
    for executor in ("openvino", "onnxruntime"):
        assert main(["eval", model, "--executor", executor, "--json", str(tmp_path / "m.json"),
                     "--cfg-options", f"data_root={root}"]) == 0
        found = json.loads((tmp_path / "m.json").read_text())
        assert abs(found["seg/mIoU"] - values["metrics"]["seg/mIoU"]) < 1
    assert main(["eval", str(out / "mixed-last.pt"), "--json", str(tmp_path / "m.json")]) == 0
    assert abs(json.loads((tmp_path / "m.json").read_text())["seg/mIoU"] - values["metrics"]["seg/mIoU"]) < 1
    capsys.readouterr()
    assert main(["verify", model, "--images", str(root / "images"), "--limit", "2"]) == 0
    lines = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    seg = next(line for line in lines if line[:2] == ["openvino", "seg"])
    assert float(seg[-1]) < 2.0**15  # in steps of its accumulator
    assert ["det", "float"] in [[line[1], line[-1]] for line in lines if line[:1] == ["onnxruntime"]]
    assert main(["bench", model, "--threads", "1", "--runs", "2", "--json", str(tmp_path / "b.json")]) == 0
    assert "mixed: NOT an integer network" in capsys.readouterr().out
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["form"] == "mixed"
    assert report["latency_ms"]["openvino mixed"] > 0
    assert report["bytes"]["mixed"] == (out / "mixed-export-last.onnx").stat().st_size
