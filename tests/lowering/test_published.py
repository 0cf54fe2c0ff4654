import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mtzoo.errors import UserError
from mtzoo.lowering import lower
from mtzoo.lowering.weights_file import read_state_dict
from tests.lowering.parity import assert_close, trained


class Net(nn.Module):
    """A convolution with a bias in front of BN, a transposed one and a linear layer."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 6, 2, 2, groups=2)
        self.fc, self.classifier = nn.Linear(6, 5), nn.Linear(5, 2)
        trained(self, seed)

    def body(self, x):
        return self.fc(self.up(torch.relu(self.bn(self.conv(x)))).mean((2, 3)))

    def forward(self, x):
        return self.classifier(self.body(x))


def feature_net(seed):
    return lower(Net(seed), features=["fc"]).eval()


def test_every_value_has_a_published_name():
    net = feature_net(0)
    assert net.published == {
        "conv.conv.weight": "conv.weight", "conv.bn.running_mean": "bn.running_mean", "conv.bn.running_var": "bn.running_var",
        "conv.bn.weight": "bn.weight", "conv.bn.bias": "bn.bias", "up.conv.weight": "up.weight", "up.conv.bias": "up.bias",
        "fc.conv.weight": "fc.weight", "fc.conv.bias": "fc.bias"}
    assert set(net.published) <= set(net.state_dict())


def test_published_values_are_loaded_whatever_their_form():
    """BN takes up the bias, transposed weights are turned, a linear layer is a 1x1 convolution; the classifier is not asked for."""
    net, other = feature_net(0), Net(1)
    state = {name: value for name, value in other.state_dict().items() if not name.startswith("classifier")}
    net.load_published(state)
    x = torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[0].flatten(1), other.body(x), rtol=1e-5, atol=1e-5)


def test_other_names_are_matched_by_order_where_all_shapes_agree():
    net, other = feature_net(0), Net(1)
    state = {f"layer{i}": value for i, (name, value) in enumerate(other.state_dict().items()) if "num_batches" not in name}
    net.load_published(state)
    assert torch.equal(net.get_submodule("fc").conv.bias, other.fc.bias)
    with pytest.raises(UserError, match="the state dict: 10 of 10 tensors are missing: bn.bias, bn.running_mean"):
        net.load_published(dict(reversed(state.items())))


@pytest.mark.parametrize(("change", "message"), [
    (lambda state: state.pop("up.weight"),
     "my.pt: 1 of 10 tensors are missing: up.weight; use the state dict of the same architecture"),
    (lambda state: state.update({"up.weight": torch.ones(4, 3, 3, 3)}),
     r"my.pt: up.weight has shape \(4, 3, 3, 3\), the network has \(4, 3, 2, 2"),
])
def test_what_does_not_fit_is_named_and_changes_nothing(change, message):
    net = feature_net(0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = Net(1).state_dict()
    change(state)
    with pytest.raises(UserError, match=message):
        net.load_published(state, "my.pt")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_weights_computed_in_the_forward_are_computed_from_the_published_ones():
    """As of weight standardisation: what depends on weights alone is folded."""
    class Standardised(nn.Conv2d):
        def forward(self, x):
            weight = (self.weight - self.weight.mean((1, 2, 3), keepdim=True)) / self.weight.std((1, 2, 3), keepdim=True)
            return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding)

    module, other = Standardised(3, 4, 3), Standardised(3, 4, 3)
    net = lower(module)
    assert_close(net, module, torch.randn(1, 3, 8, 8))
    net.load_published(other.state_dict())
    assert_close(net, other, torch.randn(1, 3, 8, 8))


@pytest.mark.parametrize("wrap", [
    lambda state: state,
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
])
def test_state_dicts_of_training_scripts(tmp_path, wrap):
    state = Net(0).state_dict()
    torch.save(wrap(state), tmp_path / "a.pt")
    read = read_state_dict(tmp_path / "a.pt")
    assert list(read) == list(state)
    assert torch.equal(read["fc.bias"], state["fc.bias"])


def test_safetensors(tmp_path):
    save_file({"a": torch.arange(3.0)}, tmp_path / "a.safetensors")
    assert read_state_dict(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]


class Evil:
    def __reduce__(self):
        return print, ("code ran",)


@pytest.mark.parametrize(("write", "message"), [
    (lambda path: None, "no such file; give the path of a state dict, or 'imagenet'"),
    (lambda path: path.write_bytes(b"PK\x03\x04 nothing"), "no state dict that can be read safely"),
    (lambda path: torch.save({"a": Evil()}, path), "no state dict that can be read safely"),
    (lambda path: torch.save([1, 2], path), "no state dict: expected a table of names and tensors"),
    (lambda path: torch.save({"written_by": "0.1", "network": {"w": torch.zeros(1)}}, path), "start from it with --checkpoint"),
])
def test_files_that_are_no_state_dict(tmp_path, capsys, write, message):
    path = tmp_path / "weights.pt"
    write(path)
    with pytest.raises(UserError, match=message) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "code ran" not in capsys.readouterr().out
