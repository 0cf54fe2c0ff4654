"""`mtzoo compress --onnx`: a float file of anybody's and a folder of images without labels."""

import json

import pytest

from mtzoo.cli.main import main
from tests.cli.test_ptq_onnx import HW, MODEL, float_file, images  # noqa: F401

OPTIONS = [*MODEL, "--threads", "1"]


@pytest.mark.slow
def test_ways_are_tried_and_the_best_is_written(images, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "out"
    float_file(tmp_path / "net.onnx")
    assert main(["compress", "--onnx", str(tmp_path / "net.onnx"), "--images", str(images), *OPTIONS, "--out", str(out),
                 "--iters", "5", "--learning-rate", "1e-3", "--no-bench"]) == 0
    said = capsys.readouterr().out
    assert "6 ways to calibrate, on 3 images, chosen by 2 others" in said
    assert said.count("observer mse: ") == 2
    assert "5 iterations of distillation" in said
    assert "taken: equalize" in said
    values = json.loads((out / "comparison.json").read_text())
    assert values["verify"] == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert values["images"] == 1
    assert values["file"] == "compressed.onnx"


@pytest.mark.parametrize(("arguments", "message"), [
    (["--onnx", "x.onnx", "--images", ".", *MODEL, "--max-drop", "1"], "--max-drop has no effect with --onnx; leave it out"),
    (["--onnx", "x.onnx", "--images", ".", *MODEL, "--strategy", "prune+int8"], "--strategy has no effect with --onnx"),
    (["--onnx", "x.onnx", "--images", ".", *MODEL, "--learning-rate", "1e-5"],
     "--learning-rate has no effect without --iters; leave it out"),
    (["--onnx", "x.onnx", "--images", ".", *MODEL, "--learning-rate", "0", "--iters", "2"],
     "learning rate 0: expected a number above 0"),
    (["--onnx", "x.onnx", *MODEL], "--images is missing with --onnx"),
    (["--config", "x.py", "--checkpoint", "x.pt", "--rgb"], "--rgb or --bgr belongs to --onnx"),
    (["--config", "x.py"], "--checkpoint is missing; give it, or --onnx MODEL.onnx"),
])
def test_options_that_do_not_fit(arguments, message, capsys):
    assert main(["compress", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
