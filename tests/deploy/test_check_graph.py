"""Files that mtzoo did not write: each is refused in one line before a runtime sees it."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.check_graph import FEW, check_graph
from mtzoo.deploy.file import DIGEST_KEY, METADATA_KEY, read_deploy_file
from mtzoo.deploy.wire import MAX_OTHER_BYTES
from mtzoo.errors import UserError


@pytest.fixture
def model(model_path):
    """The tiny deploy model to spoil."""
    return onnx.load(model_path)


def scale_of(model):
    """The name of a scale that is one number."""
    return next(tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT and not tensor.dims)


def refused(model, tmp_path, *, keep_hash=False):
    """The message of a file without sidecar and, as a forger would have it, without hash."""
    path = tmp_path / "m.onnx"
    if not keep_hash:
        helper.set_model_props(model, {METADATA_KEY: description_of(model)})
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError) as fault:
        read_deploy_file(path)
    message = str(fault.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 600
    return message


def description_of(model):
    return next(p.value for p in model.metadata_props if p.key == METADATA_KEY)


def first(model, kind):
    return next(node for node in model.graph.node if node.op_type == kind)


def loop(model):
    """An endless one."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_in"], ["go_out"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go_in", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("go_out", TensorProto.BOOL, [])])
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "go"))
    model.graph.node.append(helper.make_node("Loop", ["", "go"], [], body=body))


def external(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="../../../etc/passwd")


def external_without_location(model):
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def cycle(model):
    node = first(model, "Relu")
    node.input[0] = node.output[0]


def removed(model):
    model.graph.node.remove(first(model, "Conv"))


def foreign(model):
    first(model, "Relu").domain = "com.evil"


def foreign_opset(model):
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def function(model):
    model.functions.append(onnx.FunctionProto(name="f", domain="d"))


def sparse(model):
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [1 << 40]))


def huge_constant(model):
    model.graph.initializer.append(onnx.TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[10**9, 10**9]))


def negative_constant(model):
    model.graph.initializer.append(onnx.TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[-1, 0, 2**62]))


def tall_input(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 10**7


def open_input(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "rows"


def doubled(model):
    """2^40 times the image."""
    last = "image"
    for i in range(40):
        model.graph.node.append(helper.make_node("Concat", [last, last], [f"d{i}"], axis=1))
        last = f"d{i}"


def doubled_rows_of_nms(model):
    last = first(model, "NonMaxSuppression").output[0]
    for i in range(40):
        model.graph.node.append(helper.make_node("Concat", [last, last], [f"d{i}"], axis=0))
        last = f"d{i}"


def padded(model):
    node = model.graph.node.add()
    node.CopyFrom(first(model, "Conv"))
    node.output[0] = "wide"
    next(a for a in node.attribute if a.name == "pads").ints[:] = [10**6] * 4


def subgraph(model):
    first(model, "Relu").attribute.append(helper.make_attribute("body", onnx.GraphProto(name="g")))


def twice(model):
    model.graph.node.append(model.graph.node[-1])


def not_finite(model):
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 1)
    tensor.CopyFrom(numpy_helper.from_array(np.full(tuple(tensor.dims), np.nan, np.float32), tensor.name))


def no_output(model):
    model.graph.output[0].name = "nobody"


def many(model):
    for i in range(20_001):
        model.graph.node.append(helper.make_node("Identity", ["im_hw"], [f"n{i}"]))


def does_not_fit(model):
    first(model, "Concat").input.append("im_hw")


@pytest.mark.parametrize(("spoil", "said"), [
    (loop, "operator 'Loop' is not allowed in a deploy model"), (external, "are in another file"),
    (external_without_location, "are in another file"), (cycle, "which nothing before it computes"),
    (removed, "which nothing before it computes"), (foreign, "'Relu' of 'com.evil' is not allowed"), (foreign_opset, "opset 17 or 21"),
    (function, "functions, training parts or sparse"), (sparse, "functions, training parts or sparse"),
    (huge_constant, r"'huge' has 0 bytes for"), (negative_constant, "'huge' has a type or shape"),
    (tall_input, "its input has 960,000,000 pixels"), (open_input, "the shape of 'image' is not fixed"),
    (doubled, "elements are the most"), (doubled_rows_of_nms, "is not fixed"), (padded, "elements are the most"),
    (subgraph, "has an attribute that no deploy model has"), (twice, "two tensors are called"),
    (not_finite, "values that are not finite"), (no_output, "nothing computes the output 'nobody'"),
    (many, "operators; 20,000 are the most"), (does_not_fit, "its operators do not fit together"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_graph_that_no_export_makes(model, tmp_path, spoil, said):
    spoil(model)
    assert said in refused(model, tmp_path)


def test_weights_may_be_larger_than_anything_made_of_a_small_image(model):
    """A wide convolution, 2048 to 256 3x3 say: its weights become floats, as a whole or in parts."""
    weight = np.ones((256, 2048, 3, 3), np.int8)
    assert weight.size > FEW
    model.graph.initializer.append(numpy_helper.from_array(weight, "wide"))
    model.graph.node.append(helper.make_node("DequantizeLinear", ["wide", scale_of(model)], ["floats"]))
    assert check_graph(model)["floats"] == weight.shape
    model.graph.node.append(helper.make_node("Concat", ["floats", "floats"], ["twice"], axis=0))
    with pytest.raises(UserError, match="'twice' would have the shape"):
        check_graph(model)


def renamed_task(info):
    info["tasks"]["tree"] = info["tasks"].pop("seg")
    info["graphs"]["tree"] = info["graphs"].pop("seg")


def other(*keys, value):
    """Set info[keys[0]][keys[1]]... to value."""
    def spoil(info):
        for key in keys[:-1]:
            info = info[key]
        info[keys[-1]] = value
    return spoil


@pytest.mark.parametrize(("spoil", "said"), [
    (other("tasks", "seg", "classes", value=["sky"]), "'seg' has 1 classes in the description and [3] in the graph"),
    (other("tasks", "det", "classes", value=["a", "b", "c"]), "'det' has 3 classes in the description"),
    (other("tasks", "det", "classes", value=[]), "no classes"), (other("tasks", "det", "classes", value=[1, 2]), "expected str"),
    (other("tasks", "seg", "kind", value="detection"), "'decoder' is that of another kind"),
    (other("tasks", "seg", "kind", value=["x"]), "expected str"), (renamed_task, "'seg.labels' belongs to none of its tasks"),
    (other("exponents", value=[1]), "exponents: expected a dict"), (other("inputs", value=[]), "names other inputs"),
    (other("inputs", value={}), "inputs"), (other("config", value=[1]), "config: expected a dict"),
    (other("config", value=None), "config: expected a dict"), (other("step", value="3"), "step='3': expected int"),
    (other("step", value=9), "step=9"), (other("geometry", "input_hw", value=[128, 192]), "its inputs do not fit its geometry"),
    (other("geometry", "stride", value=0), "stride=0"), (other("geometry", value=None), "geometry"),
    (other("graphs", value={}), "not of the same tasks"), (other("format", value="mtzoo-deploy-99"), "its format is not"),
    (other("tasks", "det", "decoder", "top_k", value=19), "the outputs of its task 'det'"),
    (other("tasks", "det", "decoder", "top_k", value=10**9), "top_k=1000000000"),
    (other("tasks", "seg", "decoder", "stride", value=8), "the outputs of its task 'seg'"),
    (other("new", value=1), "new: unknown key"),
])
def test_a_description_that_is_not_true(model, tmp_path, spoil, said):
    info = json.loads(description_of(model))
    spoil(info)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(info)})
    assert said in refused(model, tmp_path)


@pytest.mark.parametrize(("text", "said"), [
    ("[" * 200_000, "nested too deep"), ("{", "no description"), ("[]", "its format is not"), ("", "no description"),
    ('{"format": "mtzoo-deploy-1"}', "'step' is missing")])
def test_metadata_that_are_no_description(model, tmp_path, text, said):
    helper.set_model_props(model, {METADATA_KEY: text})
    assert said in refused(model, tmp_path)


def test_bytes_that_would_grow_when_parsed(tmp_path, model):
    """Nodes of no content: two bytes in the file, a hundred in memory."""
    path, graph = tmp_path / "m.onnx", b"\x0a\x00" * MAX_OTHER_BYTES
    length = len(graph)
    varint = bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, length >> 21])
    path.write_bytes(model.SerializeToString() + b"\x3a" + varint + graph)
    with pytest.raises(UserError, match="bytes of it are not weights"):
        read_deploy_file(path)


@pytest.mark.parametrize("content", [b"", b"\x00", b"hello", b"\x3a\xff\xff\xff\xff\x7f", bytes(4096), b"\xff" * 64])
def test_bytes_that_are_no_onnx(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"truncated or not an ONNX file|mtzoo did not export"):
        read_deploy_file(tmp_path / "m.onnx")


def weight(model):
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.INT8)
    tensor.raw_data = bytes([tensor.raw_data[0] ^ 3]) + tensor.raw_data[1:]


def bias(model):
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.INT32)
    tensor.raw_data = bytes(len(tensor.raw_data))


def scale(model):
    tensor = next(t for t in model.graph.initializer if t.name.endswith(".output_scale"))
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))


def attribute(model):
    """The first convolution sees the image a row lower."""
    next(a for a in first(model, "Conv").attribute if a.name == "pads").ints[:] = [2, 1, 0, 1]


def class_names(model):
    text = description_of(model).replace("yellow", "purple")
    helper.set_model_props(model, {METADATA_KEY: text, DIGEST_KEY: next(p.value for p in model.metadata_props if p.key == DIGEST_KEY)})


@pytest.mark.parametrize("spoil", [weight, bias, scale, attribute, class_names])
def test_what_was_changed_since_the_export(model, tmp_path, spoil):
    spoil(model)
    assert "are not those that were exported" in refused(model, tmp_path, keep_hash=True)


def test_a_file_that_another_tool_saved_again_is_the_same(model, tmp_path, model_path):
    onnx.save(onnx.shape_inference.infer_shapes(model), tmp_path / "m.onnx")
    file = read_deploy_file(tmp_path / "m.onnx")
    assert file.proven
    assert file.info == read_deploy_file(model_path).info


def test_a_file_of_an_earlier_version_is_read_but_not_proven(model, tmp_path):
    """Without hash, weight_bits and requires."""
    info = json.loads(description_of(model))
    del info["weight_bits"], info["requires"]
    helper.set_model_props(model, {METADATA_KEY: json.dumps(info)})
    onnx.save(model, tmp_path / "m.onnx")
    file = read_deploy_file(str(tmp_path / "m.onnx"))
    assert not file.proven
    assert file.info.weight_bits is None


def test_rows_counted_at_run_time_as_earlier_versions_wrote_them():
    """The rows that NMS keeps, compared with the numbers of all boxes, and added up."""
    b = GraphBuilder()
    b.add_input("boxes", np.float32, (1, 9, 4))
    b.add_input("scores", np.float32, (1, 2, 9))
    threshold = (b.constant(np.array([value], np.float32)) for value in (0.5, -5e29))
    found = b.op("NonMaxSuppression", ["boxes", "scores", b.integers(9), *threshold])
    hits = b.op("Equal", [b.op("Gather", [found, b.integers(2)], attributes={"axis": 1}), b.constant(np.arange(9))])
    ones = b.op("Cast", [hits], attributes={"to": TensorProto.FLOAT})
    b.op("ReduceSum", [ones, b.integers(0)], "kept", {"keepdims": 0})
    b.add_output("kept", np.float32, (9,))
    assert check_graph(b.model("old"))["kept"] == (9,)


def test_what_a_file_says_it_needs(model_path):
    info = read_deploy_file(model_path).info
    assert (info.weight_bits, info.requires) == (8, ("u8s8-dot-product-32bit",))


def test_a_size_that_the_graph_computes_is_refused(model, tmp_path):
    """No deploy model has one; to find it out, ONNX would keep the values of whole label maps, hundreds of MiB for each."""
    name = first(model, "Relu").output[0]
    for part in ("half", "rest"):
        model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1], np.int64), part))
    model.graph.node.append(helper.make_node("Mul", ["half", "rest"], ["target"]))
    model.graph.node.append(helper.make_node("Reshape", [name, "target"], ["as_one_row"]))
    assert "the size of 'as_one_row' is not fixed" in refused(model, tmp_path)
