"""What a stranger's file may be: none of it is trusted."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mtzoo.errors import UserError
from mtzoo.foreign import onnx_file
from mtzoo.foreign.onnx_file import read_onnx
from tests.foreign.files import model, op, saved, weights


def small(**changes: object) -> onnx.ModelProto:
    return model([op("Conv", ["image", "w"], "x")], {"w": weights(4, 3, 3, 3)}, ["x"], **changes)


def external(path, location: str, data: bytes | None = None, **entries: str):
    """The same with its weights in another file."""
    made = small()
    tensor = made.graph.initializer[0]
    content = tensor.raw_data
    onnx.external_data_helper.set_external_data(tensor, location, **entries)
    tensor.ClearField("raw_data")
    if data is None:
        (path / "net.data").write_bytes(b"????" + content)
    return saved(made, path / "net.onnx"), content


def test_weights_in_a_file_beside_the_model(tmp_path):
    path, content = external(tmp_path, "net.data", offset=4, length=4 * 3 * 9 * 4)
    assert numpy_helper.to_array(read_onnx(path).graph.initializer[0]).tobytes() == content


@pytest.mark.parametrize("location", ["../net.data", "/etc/passwd", "a/../net.data", "..", "", "C:\\net.data", "sub\\net.data"])
def test_weights_anywhere_else_are_not_read(location, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "net.data").write_bytes(bytes(432))
    path, _ = external(tmp_path / "in", location)
    with pytest.raises(UserError, match="only a file in the model's own folder is read"):
        read_onnx(path)


def test_a_weights_file_that_is_a_link_or_too_short_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(432))
    path, _ = external(tmp_path, "net.data", length=4 * 3 * 9 * 4, offset=400)
    with pytest.raises(UserError, match="too short"):
        read_onnx(path)
    (tmp_path / "net.data").unlink()
    (tmp_path / "net.data").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="is a link"):
        read_onnx(path)


def function(made: onnx.ModelProto) -> None:
    made.functions.add().name = "mine"


def no_nodes(made: onnx.ModelProto) -> None:
    del made.graph.node[:]


def old(made: onnx.ModelProto) -> None:
    made.opset_import[0].version = 3


@pytest.mark.parametrize(("change", "message"), [(function, "functions of its own"), (no_nodes, "without operators"),
                                                 (old, r"of opset \[3\]; 7 to 23 are read")])
def test_files_that_no_plain_network_is(change, message, tmp_path):
    made = small()
    change(made)
    with pytest.raises(UserError, match=message):
        read_onnx(saved(made, tmp_path / "net.onnx"))


def test_a_file_that_is_damaged_or_would_blow_up_when_parsed(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(small().SerializeToString()[:-40])
    with pytest.raises(UserError, match="truncated or not an ONNX file"):
        read_onnx(path)
    monkeypatch.setattr(onnx_file, "MAX_OTHER_BYTES", 1000)
    made = small()
    made.graph.node.extend([op("Relu", ["x"], f"r{i}") for i in range(100)])
    with pytest.raises(UserError, match="bytes of it are not weights"):
        read_onnx(saved(made, path))
    with pytest.raises(UserError, match="no such"):
        read_onnx(tmp_path / "other.onnx")


def test_values_that_are_not_finite_are_refused(tmp_path):
    from mtzoo.foreign.float_network import from_model

    made = small()
    value = numpy_helper.to_array(made.graph.initializer[0]).copy()
    value[0, 0, 0, 0] = np.nan
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(value, "w"))
    with pytest.raises(UserError, match="'w' holds values that are not finite"):
        from_model(made, None)
