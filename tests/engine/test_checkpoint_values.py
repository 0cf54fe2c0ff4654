"""Hostile checkpoints: a good one with one value replaced, or an archive that torch.save would not write."""

import math
import zipfile

import pytest
import torch

from mtzoo import __version__
from mtzoo.engine.checkpoint import (
    Checkpoint,
    Progress,
    load_checkpoint,
    load_matching,
    load_network_state,
    save_checkpoint,
)
from mtzoo.engine.stages import checkpoint_network
from mtzoo.errors import UserError
from mtzoo.models import build_network
from mtzoo.quantization import load_integer_state
from tests.tiny import tiny_config, tiny_graphs


def nested(depth):
    values = []
    for _ in range(depth):
        values = [values]
    return values


def doubled(times):
    """A list that holds itself twice, many times over: small in a file, without end when it is copied."""
    values = [1]
    for _ in range(times):
        values = [values, values]
    return values


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.pt"
    training = {"criterion": {}, "phase": None, "rng": torch.get_rng_state(), "bad_images": {"paths": [], "draws": 0}, "teacher": None,
                "processes": 1}
    save_checkpoint(path, Checkpoint({"name": "a", "tasks": {}}, Progress(0, False, 2, False), {"w": torch.ones(3)}, training,
                                     [{"name": "with-bn", "metrics": {"a": math.nan}}]))
    return path


@pytest.mark.parametrize(("field", "value", "message"), [
    ("progress", {"step": "x", "quantized": False, "iteration": 0, "done": False}, r"progress\.step='x': expected int"),
    ("progress", {"step": 0.5, "quantized": False, "iteration": 0, "done": False}, r"progress\.step=0\.5"),
    ("progress", {"step": [1], "quantized": False, "iteration": 0, "done": False}, r"progress\.step"),
    ("progress", {"step": -1, "quantized": False, "iteration": 0, "done": False}, r"step=-1: expected one of 0\.\.3"),
    ("progress", {"step": 0, "quantized": False, "iteration": None, "done": False}, r"progress\.iteration=None"),
    ("progress", {"step": 0, "quantized": 1, "iteration": 0, "done": False}, r"progress\.quantized=1: expected bool"),
    ("progress", {"step": 0, "quantized": False, "iteration": -5, "done": False}, r"iteration=-5: expected 0\.\.1000000000000"),
    ("progress", {"step": 0}, "progress: 'quantized' is missing"),
    ("progress", None, "progress: expected a dict"),
    ("network", None, "network=None: expected a dict of tensors"),
    ("network", [1], r"network=\[1\]: expected a dict of tensors"),
    ("network", {}, "network={...}: expected a dict of tensors"),
    ("network", {1: torch.ones(1)}, "network: a name is not text but 1"),
    ("network", {"w": "x"}, r"network\['w'\]='x': expected a tensor"),
    ("network", {"w": torch.eye(3).to_sparse()}, r"network\['w'\]: expected a dense tensor"),
    ("network", {"w": torch.ones(3, dtype=torch.complex64)}, r"network\['w'\]: has type torch\.complex64"),
    ("network", {"w": torch.ones(3, dtype=torch.float64)}, r"network\['w'\]: has type torch\.float64"),
    ("network", {"w": torch.ones(1).expand(1 << 20, 1 << 20)}, r"network\['w'\]: \(1048576, 1048576\) values, fewer are in the file"),
    ("network", {"v": torch.ones(9), "w": torch.full((2,), math.nan)}, "'w' holds values that are not finite"),
    ("network", {"w": torch.tensor([math.inf])}, "'w' holds values that are not finite"),
    ("network", {"w": torch.tensor([1e38])}, "'w' holds values that are not finite or beyond all bounds"),
    ("config", None, "config=None: expected a dict"),
    ("config", [1], r"config=\[1\]: expected a dict"),
    ("config", {"a": nested(200)}, "config: nested more than"),
    ("config", {"a": doubled(30)}, "config: more than .* values"),
    ("config", {"a": torch.ones(1)}, r"config\.a=.*: a config holds texts"),
    ("config", {"tasks": 1}, r"config\.tasks=1: expected a dict"),
    ("config", {"channels": [1]}, r"config\.channels=\[1\]: expected a dict"),
    ("history", [{"x": 1}], r"history\[0\]\.x: unknown key"),
    ("history", 1, "history: expected a list"),
    ("history", [{"name": "a", "metrics": {"a": "x"}}], r"history\[0\]\.metrics\.a='x'"),
    ("history", doubled(36), "history: "),
    ("training", [1], r"training=\[1\]: expected a dict"),
    ("training", {"criterion": 1}, r"training\.criterion=1: expected a dict"),
    ("training", {"phase": "x"}, r"training\.phase='x': expected a dict or None"),
    ("training", {"rng": [1]}, r"training\.rng=\[1\]: expected a tensor"),
    ("training", {"bad_images": 3}, r"training\.bad_images=3: expected a dict"),
    ("training", {"processes": "2"}, r"training\.processes='2': expected a whole number"),
    ("format", "mtzoo-checkpoint-9", f"of format mtzoo-checkpoint-9, written by mtzoo '{__version__}'; this is mtzoo {__version__}"),
    ("format", 7, "not a checkpoint of mtzoo"),
])
def test_a_value_of_the_wrong_kind_is_one_line_with_its_key(good, tmp_path, field, value, message):
    values = torch.load(good, weights_only=True)
    path = tmp_path / "bad.pt"
    torch.save({**values, field: value}, path)
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_diverged_is_not_written(tmp_path, good):
    checkpoint = load_checkpoint(good)
    for value in (math.nan, math.inf, -math.inf, 1e38):
        checkpoint.network["w"] = torch.tensor([0.0, value])
        with pytest.raises(UserError, match=r"x\.pt: not written, the training has diverged: 'w' holds .*lower the learning rate"):
            save_checkpoint(tmp_path / "x.pt", checkpoint)
    assert not list(tmp_path.iterdir())


# --- archives

def zip_with(path, compression=zipfile.ZIP_STORED, members=1, pickle=b""):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a/data.pkl", pickle or bytes(1 << 20))
        archive.writestr("a/version", "3\n")
        for i in range(members - 1):
            archive.writestr(f"a/data/{i}", b"")
    return path


def test_a_compressed_archive_is_never_unpacked(tmp_path):
    with pytest.raises(UserError, match="its member 'a/data.pkl' is compressed"):
        load_checkpoint(zip_with(tmp_path / "bomb.pt", zipfile.ZIP_DEFLATED))


def test_an_archive_whose_members_claim_more_than_the_file_has_is_refused(tmp_path):
    path = zip_with(tmp_path / "bomb.pt")
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\1\2")
    data[entry + 20:entry + 28] = (3 << 30).to_bytes(4, "little") * 2  # both sizes of the first member
    path.write_bytes(data)
    with pytest.raises(UserError, match="bytes are no tensors|larger than the file"):
        load_checkpoint(path)


def test_an_archive_of_too_many_members_is_refused(tmp_path):
    with pytest.raises(UserError, match="50,000 at most"):
        load_checkpoint(zip_with(tmp_path / "many.pt", members=50_001))


@pytest.mark.parametrize("old", [True, False])
def test_older_formats_are_refused_without_a_warning(tmp_path, old, recwarn):
    path = tmp_path / "old.pt"
    if old:
        torch.save({"a": 1}, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(UserError, match="no zip archive|truncated or not a checkpoint"):
        load_checkpoint(path)
    assert not recwarn.list


def test_a_sparse_file_of_many_gigabytes_is_not_read(tmp_path):
    with open(tmp_path / "huge.pt", "wb") as file:
        file.write(b"PK\3\4")
        file.truncate(6 << 30)
    with pytest.raises(UserError, match=r"6,442,450,944 bytes; a checkpoint has"):
        load_checkpoint(tmp_path / "huge.pt")


# --- networks

@pytest.fixture(scope="module")
def seg():
    return build_network({"seg": tiny_graphs()["seg"]})


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.int64])
def test_weights_of_another_type_are_not_converted(seg, dtype, tmp_path):
    state = {name: value.to(dtype) if name.endswith("conv.weight") else value for name, value in seg.state_dict().items()}
    for load in (load_network_state, load_matching):
        with pytest.raises(UserError, match=f"x.pt: 'nodes.backbone.*' has type {dtype}, the network's is torch.float32"):
            load(seg, state, tmp_path / "x.pt")


@pytest.fixture(scope="module")
def integers():
    """The state of a network all of whose integers are 1."""
    net, state = build_network({"seg": tiny_graphs()["seg"]}), {}
    for name, layer in net.named_modules():
        if hasattr(layer, "conv") and hasattr(layer, "output"):
            rows = layer.conv.out_channels
            state |= {f"{name}.weight": torch.ones(layer.conv.weight.shape, dtype=torch.int8),
                      f"{name}.bias": torch.ones(rows, dtype=torch.int32),
                      f"{name}.weight_exponent": torch.full((rows,), -7, dtype=torch.int8)}
            if layer.output == "quantized":
                state[f"{name}.output_exponent"] = torch.tensor(-4, dtype=torch.int8)
    return state


def test_integers_load(integers):
    load_integer_state(build_network({"seg": tiny_graphs()["seg"]}), integers)


@pytest.mark.parametrize(("ending", "change", "message"), [
    ("weight", lambda v: v.float(), "has type torch.float32, expected torch.int8"),
    ("bias", lambda v: v.float(), "has type torch.float32, expected torch.int32"),
    ("bias", lambda v: v[:1], r"has the shape \(1,\)"),
    ("weight_exponent", lambda v: torch.full_like(v, 127), r"holds exponents beyond -32\.\.48"),
    ("weight_exponent", lambda v: torch.full_like(v, -128), r"holds exponents beyond -32\.\.48"),
    ("weight_exponent", lambda v: v.float(), "has type torch.float32"),
    ("output_exponent", lambda v: torch.full_like(v, 127), r"holds exponents beyond"),
    ("output_exponent", lambda v: v.view(1), r"has the shape \(1,\)"),
])
def test_integers_that_cannot_be_are_one_line(integers, ending, change, message):
    name = next(key for key in integers if key.endswith(f".{ending}"))
    with pytest.raises(UserError, match=message):
        load_integer_state(build_network({"seg": tiny_graphs()["seg"]}), {**integers, name: change(integers[name])})


def test_a_scale_that_is_no_power_of_two_is_one_line(tmp_path):
    """Integers are asked of a fake-quant checkpoint whose scales somebody changed."""
    from mtzoo.engine.ptq import integer_checkpoint
    from mtzoo.engine.stages import network_at

    config = tiny_config(tmp_path, ["seg"])
    net = network_at(config, 2, quantized=True)
    state = {name: torch.full_like(value, 0.3) if name.endswith("quant.scale") else value for name, value in net.state_dict().items()}
    loaded, _, _ = checkpoint_network(Checkpoint(dict(config.resolved), Progress(2, True, 0, True), state), tmp_path / "x.pt", {})
    with pytest.raises(UserError, match="a scale is not a power of two"):
        integer_checkpoint(loaded, config)
