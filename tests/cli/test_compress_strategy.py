"""`mtzoo compress` with files in the layout of PaddleSlim's automatic compression."""

import json
import re

import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.recipes import compress
from mtzoo.recipes.compress.search import CompressResult, open_state
from tests.cli.ptq_helpers import write_project


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_project(tmp_path_factory.mktemp("strategy") / "data")
    (root / "list.txt").write_text("".join(f"images/{i}.png masks/{i}.png\n" for i in range(4)))
    split = f"{{type: Dataset, dataset_root: {root}, num_classes: 3, %s_path: {root}/list.txt}}"
    (root / "data.yaml").write_text(f"batch_size: 3\ntrain_dataset: {split % 'train'}\nval_dataset: {split % 'val'}\n")
    return root


def run(root, strategy, *arguments):
    path = root / "strategy.yaml"
    path.write_text(strategy)
    return main(["compress", "--config", str(root / "tiny.py"), "--model_path", str(root / "float.pt"), "--strategy_config", str(path),
                 "--calib-images", "4", *map(str, arguments)])


def config_of(folder):
    return json.loads((folder / "config.json").read_text())["config"]


@pytest.mark.slow
def test_channels_and_zeros_are_trained_in_one_go_with_the_network_before_as_teacher(root, tmp_path, capsys):
    strategy = """
ChannelPrune: {pruned_ratio: 0.25}
UnstructurePrune: {ratio: 0.5, prune_params_type: conv1x1_only, local_sparsity: true}
Distillation: {alpha: 0.5, loss: soft_label}
TrainConfig:
  train_iter: 3
  learning_rate: {type: PiecewiseDecay, boundaries: [2], values: [0.002, 0.001]}
  optimizer_builder: {optimizer: {type: SGD}, weight_decay: 0.001}
"""
    out = tmp_path / "out"
    assert run(root, strategy, "--dataset_config", root / "data.yaml", "--save_dir", out, "--no-bench") == 0
    config = config_of(out / "float")
    phase = config["solver"][0]["float_phase"]
    assert (phase["iterations"], phase["batch_size"]) == (3, 3)
    assert phase["optimizer"] == {"type": "SGD", "momentum": 0.0, "weight_decay": 0.001, "lr": 0.002}
    assert phase["schedule"] == {"type": "piecewise", "boundaries": [2], "factors": [0.5], "warmup_iterations": 0}
    assert config["distillation"] == {"weight": 0.5, "features": {}, "teacher": str(root / "float.pt")}
    assert config["tasks"]["seg"]["train"][0]["type"] == "MaskList"
    assert config["channels"]
    printed = capsys.readouterr().out
    layers = int(re.search(r"50\.0% of [\d,]+ weights in (\d+) layers are zero", printed)[1])
    state = load_checkpoint(out / "float" / "with-bn-float-last.pt").network
    shares = {name: float((w == 0).float().mean()) for name, w in state.items() if name.endswith("conv.weight")}
    assert sum(share > 0.45 for share in shares.values()) == layers > 0
    assert all(share <= 0.05 for name, share in shares.items() if state[name].shape[2:] != (1, 1))
    file = read_deploy_file(out / "compressed.onnx")
    assert not file.info.integer
    comparison = json.loads((out / "comparison.json").read_text())
    assert comparison["result"]["parameters"] < comparison["base"]["parameters"]
    assert f"{root / 'strategy.yaml'}: done as it says" in printed


@pytest.mark.thorough
def test_quantization_is_trained_to_integers(root, tmp_path, monkeypatch):
    monkeypatch.setattr(compress, "search_candidates", lambda *args: pytest.fail("nothing is searched"))
    strategy = f"""
Global: {{reader_config: {root / "data.yaml"}, deploy_hardware: SD710}}
QuantAware: {{quantize_op_types: [conv2d, depthwise_conv2d], not_quant_pattern: [skip_quant]}}
Distillation: {{loss: l2, node: [batch_norm_7.tmp_2]}}
TrainConfig: {{epochs: 1, learning_rate: 0.0005}}
"""
    out = tmp_path / "out"
    assert run(root, strategy, "--save_dir", out, "--retraining_iters", 2, "--no-bench") == 0
    phase = config_of(out / "quant")["solver"][2]["quant_phase"]
    assert (phase["iterations"], phase["optimizer"]["lr"]) == (2, 0.0005)
    assert read_deploy_file(out / "compressed.onnx").info.integer
    assert json.loads((out / "comparison.json").read_text())["result"]["differing"][0] == 0


@pytest.mark.thorough
def test_calibration_alone_trains_nothing_and_leaves_in_float_what_the_file_says(root, tmp_path, capsys):
    out = tmp_path / "out"
    strategy = "QuantPost: {batch_size: 2, batch_nums: 2, algo: abs_max, not_quant_pattern: [seg_head]}"
    assert run(root, strategy, "--save_dir", out, "--limit", 2, "--retraining_iters", 5, "--no-bench") == 0
    assert not read_deploy_file(out / "compressed.onnx").info.integer
    assert not (out / "quant").exists()
    printed = capsys.readouterr()
    assert "'nodes.seg_head." in printed.out
    assert f"--iters: changes nothing; {root / 'strategy.yaml'} trains nothing" in printed.err


def test_a_train_config_alone_is_how_the_search_trains(root, tmp_path, monkeypatch, capsys):
    found = []
    monkeypatch.setattr(compress, "search_candidates", lambda task: found.append(
        (task.target.deploy_hardware, task.profile.precisions, task.retraining, open_state(task).made_for))
        or CompressResult(task.workspace.out, None, None, {}, None, {}))
    strategy = """
Global: {deploy_hardware: SD710}
TrainConfig: {epochs: 2, learning_rate: 0.005, optimizer_builder: {optimizer: {type: SGD}, weight_decay: 0.0005}, eval_iter: 9}
"""
    assert run(root, strategy, "--dataset_config", root / "data.yaml", "--save_dir", tmp_path / "out") == 1
    (hardware, precisions, retraining, made_for), = found
    assert (hardware, set(precisions)) == ("SD710", {"fp32", "int8"})
    assert (retraining.iterations, retraining.epochs, retraining.batch_size, retraining.learning_rate) == (None, 2.0, 3, 0.005)
    assert json.loads(made_for["training"]) == [2.0, {"type": "SGD", "momentum": 0.0, "weight_decay": 0.0005}, {"type": "constant"}]
    assert "strategy.yaml: TrainConfig: eval_iter: changes nothing" in capsys.readouterr().err


@pytest.mark.parametrize(("strategy", "arguments", "said"), [
    ("QuantAware: {}", [], "the length of the training is missing; give --iters"),
    ("QuantAware: {}", ["--strategy", "int8"], "--strategy: .*strategy.yaml names the methods"),
    ("QuantAware: {}", ["--max-drop", "2"], "--max-drop: .*strategy.yaml names the methods"),
    ("QuantAware: {}", ["--target-speedup", "2"], "--target-speedup: .*strategy.yaml names the methods"),
    ("QuantAware: {}\nTrainConfig: {epochs: 1}", ["--dataset-config", "none.yaml"], "none.yaml: no such data set file"),
    ("QuantPost: {}\nTrainConfig: {origin_metric: 0.9}", ["--limit", "1"], "origin_metric=0.9: the network before has 0.[0-7]"),
    ("ChannelPrune: {pruned_ratio: 0.3, prune_params_name: [nodes.nek]}\nTrainConfig: {train_iter: 1}", ["--limit", "1"],
     "strategy.yaml: ChannelPrune.prune_params_name: the network has no convolution 'nodes.nek'"),
])
def test_what_does_not_go_together_is_one_line(strategy, arguments, said, root, tmp_path, capsys):
    assert run(root, strategy, *arguments, "--save_dir", tmp_path / "out") == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert re.search(said, line)
