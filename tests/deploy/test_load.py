import os
import shutil
from dataclasses import replace

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import described_network, fake_quant_network, integer_network, network_outputs, stored_integers
from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.quantization import integer_state
from mtzoo.structures import flatten_outputs
from tests.deploy.helpers import export, prepared_net
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


def test_a_checkpoint_is_told_apart(copy):
    torch.save({"state": torch.zeros(1)}, copy.with_suffix(".pt"))
    with pytest.raises(UserError, match=r"m\.pt: a checkpoint or another zip file, no ONNX file; `mtzoo export CHECKPOINT`"):
        read_deploy_file(copy.with_suffix(".pt"))


def test_the_sidecar_in_place_of_its_model(copy):
    with pytest.raises(UserError, match=r"m\.json: a JSON file, no ONNX file; name .*m\.onnx$"):
        read_deploy_file(copy.with_suffix(".json"))
    copy.unlink()
    with pytest.raises(UserError, match=r"m\.json: a JSON file, no ONNX file; name an \.onnx file that mtzoo exported$"):
        read_deploy_file(copy.with_suffix(".json"))


def test_a_sidecar_that_is_no_json(copy):
    copy.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match=r"m\.json: no sidecar of a model, or a damaged one; export the model again"):
        read_deploy_file(copy)


@pytest.mark.parametrize("text", ["[" * 200_000, "[]", "7", "null", '{"sha256": 1}', "{}", '"sha256"', "\xff"])
def test_a_sidecar_of_another_kind(copy, text):
    copy.with_suffix(".json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"m\.json: no sidecar of a model|its sha256 is not the one"):
        read_deploy_file(copy)


def test_pipes_devices_and_giants_are_not_read(copy, tmp_path):
    sidecar = copy.with_suffix(".json")
    sidecar.unlink()
    os.mkfifo(sidecar)
    with pytest.raises(UserError, match="m.json: a folder, pipe or device"):
        read_deploy_file(copy)
    sidecar.unlink()
    with sidecar.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UserError, match="m.json: 1,073,741,824 bytes"):
        read_deploy_file(copy)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UserError, match="pipe.onnx: a folder, pipe or device"):
        read_deploy_file(tmp_path / "pipe.onnx")
    with (tmp_path / "giant.onnx").open("wb") as file:
        file.truncate(6 << 30)
    with pytest.raises(UserError, match="giant.onnx: 6,442,450,944 bytes"):
        read_deploy_file(str(tmp_path / "giant.onnx"))


@pytest.mark.parametrize(("key", "value", "said"), [
    ("width", 1e9, "above 4096"), ("blocks", [1, 10 ** 9, 1, 1], "above 4096"),
    ("width", 2.0, "has a layer"), ("group_base", 0, "is not that of a network"),
    ("width", "wide", "is not that of a network"), ("nothing", 1, "is not that of a network")])
def test_a_description_of_another_network_takes_no_memory(copy, key, value, said):
    copy.with_suffix(".json").unlink()
    file = read_deploy_file(copy)
    graphs = {task: [replace(node, params={**node.params, key: value}) if node.name == "backbone" else node for node in nodes]
              for task, nodes in file.info.graphs.items()}
    with pytest.raises(UserError, match=said):
        described_network(replace(file, info=replace(file.info, graphs=graphs)))


def test_networks_of_torchvision_are_rebuilt_from_a_description(copy):
    """RegNet works its widths out with tensors, which hold no numbers where nothing is allocated."""
    file = read_deploy_file(copy)
    for name in ("regnet_x_400mf", "regnet_y_400mf", "mobilenet_v3_small", "resnet18"):
        other = NodeSpec("backbone", "Torchvision", params={"name": name})
        graphs = {task: [other if node.name == "backbone" else node for node in nodes] for task, nodes in file.info.graphs.items()}
        with pytest.raises(UserError, match="has a layer 'nodes.backbone"):  # the file holds another network's weights
            described_network(replace(file, info=replace(file.info, graphs=graphs)))


def test_exponents_that_are_not_those_of_the_scales(copy):
    file = read_deploy_file(copy)
    exponents = {**file.info.exponents, "nodes.backbone.stem": {**file.info.exponents["nodes.backbone.stem"], "output": 99}}
    with pytest.raises(UserError, match="'nodes.backbone.stem' is damaged .*not those of the description"):
        stored_integers(replace(file, info=replace(file.info, exponents=exponents)))


def test_a_bias_of_another_shape(copy):
    file = read_deploy_file(copy)
    state = stored_integers(file)
    state["nodes.backbone.stem.bias"] = torch.zeros(3, dtype=torch.int32)
    with pytest.raises(UserError, match="its integers do not fit its network"):
        fake_quant_network(file, state)


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
