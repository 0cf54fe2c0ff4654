import shutil

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from mtzoo.errors import UserError
from mtzoo.export import fake_quant_network, integer_network, read_deploy_file, stored_integers
from mtzoo.export.load import network_outputs
from mtzoo.quantization import integer_state
from mtzoo.structures import flatten_outputs
from tests.export.helpers import export, prepared_net
from tests.quantization.helpers import differing, images


@pytest.fixture
def copy(model_path, tmp_path):
    """A model and its sidecar to spoil."""
    shutil.copy(model_path.with_suffix(".json"), tmp_path / "m.json")
    return shutil.copy(model_path, tmp_path / "m.onnx")


def test_the_integers_come_back(frozen, model_path):
    state, expected = stored_integers(read_deploy_file(model_path)), integer_state(frozen)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) and state[name].dtype == value.dtype for name, value in expected.items())


def test_networks_are_rebuilt_from_the_file_alone(frozen, copy):
    copy.with_suffix(".json").unlink()
    file = read_deploy_file(copy)
    state, batch = stored_integers(file), images(1)
    expected = flatten_outputs(network_outputs(frozen, batch))
    assert differing(expected, flatten_outputs(network_outputs(fake_quant_network(file, state), batch))) == 0
    assert differing(expected, flatten_outputs(integer_network(file, state)(batch))) == 0


def test_a_changed_file(copy):
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.onnx: its sha256 is not the one in m\.json|truncated|not an ONNX"):
        read_deploy_file(copy)


def test_a_truncated_file(copy):
    copy.write_bytes(copy.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"m\.onnx: (truncated|its sha256)"):
        read_deploy_file(copy)


def test_a_sidecar_that_is_no_json(copy):
    copy.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match=r"m\.json: unreadable"):
        read_deploy_file(copy)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.onnx: no such model"):
        read_deploy_file(tmp_path / "none.onnx")


def test_somebody_elses_onnx(tmp_path):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [result]))
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(UserError, match="mtzoo did not export"):
        read_deploy_file(tmp_path / "foreign.onnx")


def test_metadata_of_another_format(copy):
    model = onnx.load(copy)
    model.metadata_props[0].value = '{"format": "mtzoo-deploy-99"}'
    onnx.save(model, copy)
    copy.with_suffix(".json").unlink()
    with pytest.raises(UserError, match="no description of a deploy model"):
        read_deploy_file(copy)


def test_early_steps_hold_no_integer_network(tmp_path):
    export(prepared_net(), tmp_path / "m.onnx", 0, postprocess=False)
    with pytest.raises(UserError, match="export of step 0"):
        stored_integers(read_deploy_file(tmp_path / "m.onnx"))
