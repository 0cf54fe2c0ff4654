import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from torch.nn import functional as F

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.export import build_model
from mtzoo.runtime.columns import PIXELS, column_weight, image_in_columns
from mtzoo.runtime.executors import OpenVinoExecutor
from tests.deploy.helpers import GEOMETRY, HW, TASKS

ORIGINAL = {"im_hw": np.array([[144, 180]], np.float32)}


@pytest.mark.parametrize(("kernel", "groups", "pixels"), [(3, 1, 4), (3, 2, 2), (5, 1, 4), (7, 1, 4), (1, 1, 4), (2, 4, 2)])
def test_columns_are_the_same_function(kernel, groups, pixels):
    generator = torch.Generator().manual_seed(kernel)
    left = (kernel - 1) // 2
    weight = torch.randint(-127, 128, (8, 4, kernel, kernel), generator=generator, dtype=torch.int8)
    x = torch.randint(0, 256, (1, 4 * groups, 6, 16), generator=generator).double()
    right = max(0, kernel - 2 - left)
    expected = F.conv2d(F.pad(x, (left, right, left, right)), weight.double(), stride=2, groups=groups)
    wide, zeros = column_weight(weight.numpy(), groups, 2, left, pixels)
    assert wide.dtype == np.int8
    columns = x.permute(0, 2, 3, 1).reshape(1, 6, 16 // pixels, -1).permute(0, 3, 1, 2)
    padded = F.pad(columns, (zeros, wide.shape[3] - 1 - zeros, left, right))
    found = F.conv2d(padded, torch.from_numpy(wide).double(), stride=(2, 1))
    found = found.permute(0, 2, 3, 1).reshape(1, *expected.shape[2:], 8).permute(0, 3, 1, 2)
    assert torch.equal(found, expected)


def run(model, feeds):
    """In ONNX Runtime as written: no kernel of 8 bits."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, feeds)


def noise(hw=HW):
    return np.random.default_rng(0).integers(0, 256, (1, *hw, 3), dtype=np.uint8)


def nhwc(net, input_format="bgr"):
    return build_model(net, TASKS, GEOMETRY, input_format, quantized=True, postprocess=True, layout="nhwc")


def test_a_network_says_the_same(frozen):
    model = nhwc(frozen)
    before = model.SerializeToString()
    columns = image_in_columns(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(columns, full_check=True)
    assert 3 * PIXELS in {tensor.dims[1] for tensor in columns.graph.initializer if len(tensor.dims) == 4}
    for found, wanted in zip(run(columns, {"image": noise(), **ORIGINAL}), run(model, {"image": noise(), **ORIGINAL}), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("case", ["nchw", "rgb", "yuv444"])
def test_other_images_are_left_alone(frozen, case):
    """Of these either the bytes lie otherwise, or another operator reads them."""
    model = build_model(frozen, TASKS, GEOMETRY, quantized=True, postprocess=True) if case == "nchw" else nhwc(frozen, case)
    assert image_in_columns(model) is model


def stem_and_next(following, *, width=16, kernel=3, stride=2, pads=(1, 1, 1, 1)):
    """An NHWC image, a stem of 8 channels, and what reads it: the kind and attributes of a convolution, or "Add"."""
    b, rng = GraphBuilder(), np.random.default_rng(1)
    image = b.add_input("image", np.uint8, (1, 8, width, 3))
    x = b.op("DequantizeLinear", [image, b.float(2.0**-7), b.constant(np.uint8(128))])
    x = b.op("Transpose", [x], attributes={"perm": [0, 3, 1, 2]})

    def conv(x, name, c_in, c_out, kernel, attributes):
        weight = rng.integers(-50, 51, (c_out, c_in // attributes.get("group", 1), kernel, kernel)).astype(np.int8)
        stored = [b.initializer(f"{name}.weight", weight), b.initializer(f"{name}.weight_scale", np.full(c_out, 2.0**-7, np.float32))]
        bias = [b.initializer(f"{name}.bias", rng.integers(-9999, 9999, c_out).astype(np.int32)),
                b.initializer(f"{name}.bias_scale", np.full(c_out, 2.0**-14, np.float32))]
        parts = [b.op("DequantizeLinear", part, attributes={"axis": 0}) for part in (stored, bias)]
        y = b.op("Relu", [b.op("Conv", [x, *parts], f"{name}.conv", {"kernel_shape": [kernel] * 2, **attributes})])
        return b.op("QuantizeLinear", [y, b.float(2.0**-6), b.constant(np.uint8(0))])

    y = conv(x, "stem", 3, 8, kernel, {"strides": [stride] * 2, "pads": pads})
    y = b.op("DequantizeLinear", [y, b.float(2.0**-6), b.constant(np.uint8(0))])
    z = b.op("Add", [y, y]) if following == "Add" else b.op("DequantizeLinear", [
        conv(y, "next", 8, 8, 3, {"strides": [2, 2], "pads": [1, 1, 1, 1], **following}), b.float(2.0**-6), b.constant(np.uint8(0))])
    b.op("Identity", [z], "z")
    shape = onnx.shape_inference.infer_shapes(helper.make_model(helper.make_graph(b.nodes, "", b.inputs, [], list(
        b.initializers.values())), opset_imports=[helper.make_opsetid("", 17)])).graph.value_info
    b.add_output("z", np.float32, [d.dim_value for d in next(v for v in shape if v.name == "z").type.tensor_type.shape.dim])
    return b.model("stem")


@pytest.mark.parametrize("following", [{}, {"group": 2}, {"pads": [0, 0, 2, 2]}], ids=["dense", "group", "padded on one side"])
@pytest.mark.parametrize("stem", [{}, {"kernel": 7, "pads": (3, 3, 3, 3)}, {"kernel": 2, "pads": (0, 0, 0, 0)},
                                  {"pads": (0, 0, 1, 1)}], ids=["3x3", "7x7", "2x2", "padded on one side"])
def test_stems_and_what_reads_them(following, stem):
    model = stem_and_next(following, **stem)
    columns = image_in_columns(model)
    assert columns is not model
    onnx.checker.check_model(columns, full_check=True)
    feeds = {"image": noise((8, 16))}
    found, wanted = run(columns, feeds)[0], run(model, feeds)[0]
    assert len(np.unique(wanted)) > 3
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("following", ["Add", {"group": 8}, {"strides": [1, 1]}], ids=["add", "depthwise", "stride 1"])
def test_what_reads_pixels_one_by_one(following):
    model = stem_and_next(following)
    assert image_in_columns(model) is model


@pytest.mark.parametrize("stem", [{"width": 18}, {"stride": 1}, {"pads": (0, 0, 0, 0)}], ids=["width", "stride", "narrower"])
def test_stems_of_other_shapes_are_left_alone(stem):
    model = stem_and_next({}, **stem)
    assert image_in_columns(model) is model


@pytest.mark.slow  # compiling a network takes seconds
def test_openvino_runs_the_columns(frozen):
    model = nhwc(frozen)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:  # no kernel saturates with such weights
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) // 2, tensor.name))
    found = OpenVinoExecutor(model, 1, columns=True).run({"image": noise(), **ORIGINAL})
    wanted = dict(zip(found, run(model, {"image": noise(), **ORIGINAL})))
    np.testing.assert_array_equal(found["seg.labels"], wanted["seg.labels"])
