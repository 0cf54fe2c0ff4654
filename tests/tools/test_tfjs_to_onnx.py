"""tools/tfjs_to_onnx.py: a graph model of a few operators against what they are defined to do."""

import base64
import json

import numpy as np
import onnxruntime
import pytest
import torch


@pytest.fixture
def tool(load_tool):
    return load_tool("tfjs_to_onnx")


def text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def ints(*values):
    return {"list": {"i": [str(value) for value in values]}}


def graph_model(folder, operator="LeakyRelu"):
    """A 3x3 convolution of stride 2 with SAME padding, half-precision weights, its first channel, and a leaky ReLU of it."""
    kernel = np.arange(3 * 3 * 2 * 2, dtype=np.float16).reshape(3, 3, 2, 2) / 8
    slices = np.array([[0, 0, 0, 0], [1, 5, 5, 1], [1, 1, 1, 1]], np.int32)
    arrays = {"kernel": kernel, "begin": slices[0], "end": slices[1], "step": slices[2]}
    (folder / "w.bin").write_bytes(b"".join(array.tobytes() for array in arrays.values()))
    weights = [{"name": name, "shape": list(array.shape), "dtype": "int32"} for name, array in arrays.items()]
    weights[0] |= {"dtype": "float32", "quantization": {"dtype": "float16"}}
    nodes = [{"name": "last", "op": operator, "input": ["first"], "attr": {"alpha": {"f": 0.5}}},
             {"name": "image", "op": "Placeholder"}, *({"name": name, "op": "Const"} for name in arrays),
             {"name": "conv", "op": "Conv2D", "input": ["image", "kernel"],
              "attr": {"strides": ints(1, 2, 2, 1), "padding": text("SAME")}},
             {"name": "first", "op": "StridedSlice", "input": ["conv", "begin", "end", "step"],
              "attr": {"begin_mask": {"i": "6"}, "end_mask": {"i": "6"}}}]
    shape = {"dim": [{"size": str(size)} for size in (1, 6, 6, 2)]}
    signature = {"inputs": {"image:0": {"tensorShape": shape}}, "outputs": {"out": {"name": "last:0"}}}
    (folder / "model.json").write_text(json.dumps({"signature": signature, "modelTopology": {"node": nodes},
                                                   "weightsManifest": [{"paths": ["w.bin"], "weights": weights}]}))
    return kernel.astype(np.float32)


def test_the_onnx_file_computes_what_the_graph_says(tool, tmp_path, capsys):
    kernel = graph_model(tmp_path)
    image = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype(np.float32)
    assert tool.main([str(tmp_path / "model.json"), str(tmp_path / "m.onnx")]) == 0
    assert "(1, 6, 6, 2)" in capsys.readouterr().out
    (found,) = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"]).run(None, {"image": image})
    padded = torch.nn.functional.pad(torch.from_numpy(image).permute(0, 3, 1, 2), (0, 1, 0, 1))  # SAME: the odd pixel goes to the end
    conv = torch.nn.functional.conv2d(padded, torch.from_numpy(kernel).permute(3, 2, 0, 1), stride=2)[:, :1]
    wanted = torch.where(conv > 0, conv, conv / 2).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_an_unknown_operator_is_named(tool, tmp_path, capsys):
    graph_model(tmp_path, operator="Selu")
    assert tool.main([str(tmp_path / "model.json"), str(tmp_path / "m.onnx")]) == 2
    assert "Selu" in capsys.readouterr().err


def test_another_json_file_is_a_mistake(tool, tmp_path, capsys):
    (tmp_path / "model.json").write_text("{}")
    assert tool.main([str(tmp_path / "model.json"), str(tmp_path / "m.onnx")]) == 2
    assert "no graph model" in capsys.readouterr().err
