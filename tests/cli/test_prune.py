"""`mtzoo prune` from its command line."""

import json

import cv2
import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.config import config_from_dict, load_config
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.stages import network_at
from mtzoo.models.channel_plan import channels_of
from tests.cli.ptq_helpers import write_project

FLOAT = "with-bn-float-last.pt"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Data, config and a float checkpoint; the masks are the checkpoint's own answers."""
    return write_project(tmp_path_factory.mktemp("prune") / "data", own_masks=True)


def prune(root, *arguments, ratio=0.3):
    return main(["prune", "--config", str(root / "tiny.py"), "--checkpoint", str(root / "float.pt"), "--ratio", str(ratio),
                 "--calib-images", "4", "--align", "4", "--no-bench", *map(str, arguments)])


@pytest.mark.thorough
def test_a_pruned_network_goes_wherever_any_other_goes(root, tmp_path, capsys):
    out = tmp_path / "out"
    assert prune(root, "--out", out) == 0
    assert "removed: " in capsys.readouterr().out
    values = json.loads((out / "comparison.json").read_text())
    assert values["base"]["macs"] * 0.7 >= values["result"]["macs"] > values["base"]["macs"] * 0.5
    assert values["result"]["parameters"] < values["base"]["parameters"]
    assert values["result"]["differing"][0] == 0
    assert values["result"]["differing"][1] > 1000
    assert read_deploy_file(out / "int-inference-export-last.onnx").info.integer
    assert cv2.imread(str(out / "pruning.png")) is not None
    # the float checkpoint by itself
    assert main(["eval", str(out / FLOAT), "--json", str(tmp_path / "m.json")]) == 0
    assert 0 < json.loads((tmp_path / "m.json").read_text())["seg/mIoU"] < 100
    assert main(["export", str(out / FLOAT), "--out", str(tmp_path / "float.onnx")]) == 0
    assert main(["verify", str(out / "int-inference-export-last.onnx"), "--images", str(root / "images"), "--limit", "1"]) == 0
    # the original config adopts its plan: calibrated again, trained in four steps, resumed, pruned once more
    config, model = ["--config", str(root / "tiny.py")], ["--checkpoint", str(out / FLOAT)]
    again = tmp_path / "again"
    capsys.readouterr()
    assert main(["ptq", *config, *model, "--calib-images", "4", "--no-bench", "--out", str(again)]) == 0
    assert "a pruned network" in capsys.readouterr().out
    metrics = [json.loads((folder / "comparison.json").read_text())["result"]["metrics"] for folder in (out, again)]
    assert metrics[0] == metrics[1]
    work = ["--out", str(tmp_path / "work")]
    assert main(["train", *config, *work, "--checkpoint", str(out / FLOAT)]) == 0
    assert main(["train", *config, *work, "--resume"]) == 0
    trained = load_checkpoint(tmp_path / "work" / FLOAT)
    assert trained.config["channels"] == load_checkpoint(out / FLOAT).config["channels"]
    twice = tmp_path / "twice"
    assert main(["prune", *config, *model, "--ratio", "0.2", "--calib-images", "4", "--align", "2", "--no-bench",
                 "--out", str(twice), "--importance", "l1"]) == 0
    further = json.loads((twice / "comparison.json").read_text())
    assert further["base"]["macs"] == values["result"]["macs"]
    assert further["result"]["macs"] <= 0.8 * further["base"]["macs"]


@pytest.mark.slow
def test_training_on_and_going_on_with_it(root, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--out", out, "--iters", 4, "--importance", "l2", "--scope", "uniform", "--criterion", "params"]
    assert prune(root, *options) == 0
    checkpoint = load_checkpoint(out / FLOAT)
    net = network_at(config_from_dict(checkpoint.config), 0, quantized=False)
    net.load_state_dict(checkpoint.network)
    first = json.loads((out / "comparison.json").read_text())
    assert first["result"]["parameters"] <= 0.71 * first["base"]["parameters"]  # biases of folded BN count differently
    # cut off after its last numbered checkpoint
    (out / FLOAT).unlink()
    (out / "comparison.json").unlink()
    assert prune(root, *options, "--resume") == 0
    resumed = load_checkpoint(out / FLOAT)
    assert all(torch.equal(checkpoint.network[name], resumed.network[name]) for name in checkpoint.network)
    assert json.loads((out / "comparison.json").read_text())["result"]["metrics"] == first["result"]["metrics"]
    assert prune(root, *options, "--resume", ratio=0.2) == 2
    assert "had another 'ratio'" in capsys.readouterr().err
    assert channels_of(net) != channels_of(network_at(load_config(root / "tiny.py"), 0, quantized=False))


@pytest.mark.thorough
def test_by_measured_latency(root, tmp_path, capsys):
    """Any width is quicker or slower on a tiny network by noise alone: what counts is that it is searched, and said."""
    code = prune(root, "--out", tmp_path / "out", "--criterion", "latency", "--importance", "l1", "--limit", 1, ratio=0.01)
    output = capsys.readouterr()
    if code == 2:
        assert "cannot be reached" in output.err
    else:
        assert "of the latency" in output.out


@pytest.mark.parametrize(("ratio", "options", "message"), [
    (1.0, [], "--ratio 1.0: the share to remove, between 0 and 1"),
    (0, [], "--ratio 0.0"),
    (0.99, ["--importance", "l1"], "cannot be reached; with --align 4 at most 0."),
    (0.3, ["--align", "0"], "--align 0: must be at least 1"),
    (0.3, ["--importance", "l1", "--align", "4096", "--keep-blocks"], "no layer can lose that many channels"),
    (0.3, ["--iters", "0"], "--iters 0: must be at least 1"),
    (0.3, ["--checkpoint", "missing.pt"], "missing.pt: no such checkpoint"),
])
def test_a_mistake_is_one_line_and_nothing_is_written(root, tmp_path, capsys, ratio, options, message):
    assert prune(root, "--out", tmp_path / "out", *options, ratio=ratio) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone(root, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert prune(root, "--out", tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
