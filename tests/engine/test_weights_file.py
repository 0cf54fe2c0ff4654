import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from mtzoo.cli.main import main
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.ptq import load_float_network
from mtzoo.engine.weights_file import FORMAT, write_weights
from mtzoo.errors import UserError
from tests.checkpoints import write_checkpoint
from tests.tiny import tiny_config, write_images


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(the config, a float checkpoint of it)."""
    root = tmp_path_factory.mktemp("weights")
    config = tiny_config(write_images(root / "data"))
    return config, write_checkpoint(root / "float.pt", config, 0, quantized=False)


@pytest.fixture
def weights(saved, tmp_path):
    checkpoint = load_checkpoint(saved[1])
    write_weights(tmp_path / "tiny.safetensors", checkpoint.config, checkpoint.network)
    return tmp_path / "tiny.safetensors"


def test_weights_come_back_as_the_float_checkpoint_that_they_were(saved, weights):
    config, path = saved
    before, after = load_checkpoint(path), load_checkpoint(weights)
    assert after.progress.order == (0, False, 0, True)
    assert before.network.keys() == after.network.keys()
    assert all(torch.equal(value, after.network[name]) for name, value in before.network.items())
    assert after.config["fusion_bn_patterns"].keys() == json.loads(json.dumps(before.config["fusion_bn_patterns"])).keys()
    load_float_network(config, weights)
    assert str(path.parent).encode() not in weights.read_bytes()


def test_half_the_space_for_values_that_differ_by_a_rounding(saved, weights, tmp_path):
    checkpoint = load_checkpoint(saved[1])
    write_weights(tmp_path / "half.safetensors", checkpoint.config, checkpoint.network, stored="float16")
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * weights.stat().st_size
    halved = load_checkpoint(tmp_path / "half.safetensors").network
    for name, value in checkpoint.network.items():
        assert halved[name].dtype == value.dtype
        assert torch.allclose(halved[name].double(), value.double(), rtol=2**-11, atol=2**-24)
    checkpoint.network["nodes.backbone.stem.conv.weight"] = torch.full((8,), 1e6)
    with pytest.raises(UserError, match=r"'nodes\.backbone\.stem\.conv\.weight' has values beyond float16's; leave --half out"):
        write_weights(tmp_path / "half.safetensors", checkpoint.config, checkpoint.network, stored="float16")


def test_a_quarter_of_the_space_for_weights_in_steps_of_their_channel(saved, tmp_path):
    checkpoint = load_checkpoint(saved[1])
    checkpoint.network["nodes.backbone.stem.conv.weight"][0] = 0.0  # a channel without a range
    write_weights(tmp_path / "steps.safetensors", checkpoint.config, checkpoint.network, stored="int8")
    rounded = load_checkpoint(tmp_path / "steps.safetensors").network
    assert rounded.keys() == checkpoint.network.keys()
    for name, value in checkpoint.network.items():
        assert rounded[name].dtype == value.dtype
        if value.ndim < 2:
            assert torch.equal(rounded[name], value)
        else:
            step = value.flatten(1).abs().amax(1).view(-1, *[1] * (value.ndim - 1)) / 127
            assert ((rounded[name] - value).abs() <= 0.501 * step).all()
    assert any(value.dtype == torch.int8 for value in load_file(tmp_path / "steps.safetensors").values())


def test_steps_of_a_tensor_that_is_not_there_are_a_fault(saved, tmp_path):
    checkpoint, path = load_checkpoint(saved[1]), tmp_path / "steps.safetensors"
    write_weights(path, checkpoint.config, checkpoint.network, stored="int8")
    for change in (lambda header: header.pop("nodes.backbone.stem.conv.weight"),
                   lambda header: header["nodes.backbone.stem.conv.weight::step"].update(shape=[2, 4])):
        content = path.read_bytes()
        damaged(path, change)
        with pytest.raises(UserError, match="steps.safetensors: .*use the file as it was published"):
            load_checkpoint(path)
        path.write_bytes(content)


def test_the_zoo_has_them_by_name(weights, monkeypatch, capsys):
    monkeypatch.setenv("MTZOO_ZOO", str(weights.parent))
    assert load_checkpoint("zoo:tiny").network.keys() == load_checkpoint(weights).network.keys()
    assert main(["eval", "zoo:tniy"]) == 2
    assert "zoo:tniy: no zoo model with float weights of this name; did you mean 'tiny'?" in capsys.readouterr().err


def damaged(path, change):
    """The file with a change of its header, a dict."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])


@pytest.mark.parametrize(("change", "message"), [
    (lambda header: header["__metadata__"].pop("format"), "no weights of a network of mtzoo with their config"),
    (lambda header: header["__metadata__"].update(config="{"), "its config is damaged"),
    (lambda header: header["__metadata__"].update(config="[" * 100_000), "its config is damaged"),
    (lambda header: header["__metadata__"].update(config="[1]"), "expected a dict"),
    (lambda header: header["__metadata__"].update(config=" " * (5 << 20)), "4,194,304 at most are read"),
    (lambda header: header.pop(next(name for name in header if name != "__metadata__")), "truncated or no safetensors file"),
])
def test_a_damaged_file_is_one_line(weights, change, message):
    damaged(weights, change)
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(weights)
    assert str(weights) in str(caught.value)


def test_what_is_no_file_of_weights_is_one_line(weights, tmp_path):
    tensors = load_file(weights)
    name = next(iter(tensors))
    save_file({**tensors, name: tensors[name] * float("nan")}, weights, {"format": FORMAT, "config": "{}"})
    with pytest.raises(UserError, match="not finite"):
        load_checkpoint(weights)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="truncated or no safetensors file"):
        load_checkpoint(weights)
    with pytest.raises(UserError, match="no such file of weights"):
        load_checkpoint(tmp_path / "gone.safetensors")
