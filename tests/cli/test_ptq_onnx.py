"""`mtzoo ptq --onnx`: a float file of anybody's and a folder of images."""

import json

import cv2
import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from tests.foreign.files import model, op, saved, weights

HW = (24, 32)
MODEL = (["--mean", "0.4", "--std", "0.25", "--rgb"])


def float_file(path, shape=(1, 3, *HW), last="Conv"):
    nodes = [op("Conv", ["image", "w", "b"], "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), op("Relu", ["x"], "r"),
             op(last, ["r", "v"], "logits")]
    return saved(model(nodes, {"w": weights(8, 3, 3, 3), "b": weights(8), "v": weights(4, 8, 1, 1)}, ["logits"], shape=shape), path)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Pictures of another size than the network's."""
    folder = tmp_path_factory.mktemp("images")
    y, x = np.mgrid[:40, :60]
    for i in range(6):
        waves = [127 + 120 * np.sin(x / (3 + i) + y / (2 + c)) for c in range(3)]
        cv2.imwrite(str(folder / f"{i}.png"), np.stack(waves, 2).astype(np.uint8))
    return folder


def test_an_exact_file_verified_compared_and_measured(images, tmp_path, capsys):
    out = tmp_path / "out"
    float_file(tmp_path / "net.onnx")
    assert main(["ptq", "--onnx", str(tmp_path / "net.onnx"), "--images", str(images), *MODEL, "--out", str(out),
                 "--threads", "1", "--bias-correction"]) == 0
    said = capsys.readouterr().out
    assert "RGB, (x / 255 - [0.4, 0.4, 0.4]) / [0.25, 0.25, 0.25]" in said
    assert "on 3 images" in said  # half of the folder
    values = json.loads((out / "comparison.json").read_text())
    assert values["verify"] == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert values["images"] == 3
    assert values["outputs"]["logits"]["cosine"] > 0.99
    assert values["outputs"]["logits"]["argmax"] > 0.9
    assert values["latency_ms"]["openvino int8"] > 0
    info = read_deploy_file(out / "net-int8.onnx").info
    assert [(t.name, t.shape) for t in (*info.inputs, *info.outputs)] == [("image", (1, 3, *HW)), ("logits", (1, 4, *HW))]
    assert main(["verify", str(out / "net-int8.onnx"), "--images", str(images)]) == 0
    assert "equal" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "message"), [
    (["--rgb", "--mean", "0"], "--std is missing with --onnx: 1 where the network reads x / 255"),
    (["--std", "1", "--mean", "0"], "--rgb or --bgr is missing with --onnx"),
    ([*MODEL, "--max-drop", "1"], "--max-drop has no effect with --onnx; leave it out"),
    ([*MODEL, "--learning-rate", "1e-5"], "--learning-rate has no effect without --iters; leave it out"),
    ([*MODEL, "--soft-labels"], "--soft-labels has no effect without --iters; leave it out"),
    ([*MODEL, "--ctx", "gpu"], "--ctx gpu: expected 'cpu', 'cpu:2', 'auto' or GPU indices such as 0,1"),
    ([*MODEL, "--config", "x.py"], "--config has no effect with --onnx"),
    (["--rgb", "--mean", "0", "1", "--std", "1"], "mean 0, 1: expected one number, or three"),
    (["--rgb", "--mean", "0", "--std", "0"], "std above 0"),
])
def test_options_that_do_not_fit(arguments, message, images, tmp_path, capsys):
    path = float_file(tmp_path / "net.onnx")
    assert main(["ptq", "--onnx", str(path), "--images", str(images), "--out", str(tmp_path / "out"), *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_options_of_onnx_with_a_config(capsys):
    assert main(["ptq", "--config", "x.py", "--checkpoint", "x.pt", "--calib-images", "4", "--rgb"]) == 2
    assert "--rgb or --bgr belongs to --onnx" in capsys.readouterr().err
    assert main(["ptq", "--config", "x.py"]) == 2
    assert "--checkpoint is missing; give it, or --onnx MODEL.onnx" in capsys.readouterr().err


def test_an_empty_folder_and_a_dynamic_size(images, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    path = float_file(tmp_path / "net.onnx", shape=(1, 3, "h", "w"))
    start = ["ptq", "--onnx", str(path), *MODEL, "--out", str(tmp_path / "out")]
    assert main([*start, "--images", str(images)]) == 2
    assert f"error: {path}: its input 'image' is [1, 3, 'h', 'w']: height and width are not fixed; give --size HxW" in (
        capsys.readouterr().err)
    assert main([*start, "--images", str(tmp_path / "empty"), "--size", "24x32"]) == 2
    assert "no image in it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_operators_that_do_not_lower(images, tmp_path, capsys):
    path = float_file(tmp_path / "net.onnx", last="Pow")
    assert main(["ptq", "--onnx", str(path), "--images", str(images), *MODEL, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert f"error: {path}: 1 kind of operators cannot be lowered: Pow at Pow_logits has no exact integer form" in told
