"""A network that is described by its leaves: rebuilt the same, and nothing but leaves can be described."""

import copy

import pytest
import torch
from torch import nn

from mtzoo.errors import UserError
from mtzoo.lowering import lower
from mtzoo.models.leaf_graph import LeafGraph, describe_leaves


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.up = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 4, 1), nn.Upsample(scale_factor=2)

    def forward(self, x):
        y = self.a(x).relu()
        return {"map": self.up(self.b(torch.channel_shuffle(y, 2))) + 1.0}


@pytest.fixture(scope="module")
def described():
    lowered = lower(Net()).eval()
    return lowered, describe_leaves(lowered), {name: output.name for name, output in lowered.result.items()}


def test_a_described_network_is_the_same_one(described):
    lowered, leaves, outputs = described
    rebuilt = LeafGraph([], leaves=dict(sorted(leaves.items())), outputs=outputs).eval()
    rebuilt.load_state_dict(lowered.state_dict())
    x = torch.randn(1, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(rebuilt(x)["map"], lowered(x)["map"])


@pytest.mark.parametrize(("change", "message"), [
    ({"leaf": "Leaf"}, "no leaf is called 'Leaf'"), ({"leaf": "ImageQuant"}, "no leaf is called"),
    ({"leaf": ["x"]}, "no leaf is called"), ({"reads": ["nowhere"]}, "paths of earlier leaves"),
    ({"at": "first"}, "'at', a whole number"), ({"huge": 1}, "no such parameter"), ({"out_channels": 1 << 30}, "plain numbers up to"),
    ({"weight": 1}, r"leaf .a.\.weight=1: expected plain numbers"), ({"activation": "exec"}, "activation='exec'"),
])
def test_what_describes_no_leaf(described, change, message):
    _, leaves, outputs = described
    leaves = copy.deepcopy(leaves)
    leaves["a"].update(change)
    with pytest.raises(UserError, match=message):
        LeafGraph([], leaves=leaves, outputs=outputs)


def test_paths_and_outputs_that_no_network_has(described):
    _, leaves, outputs = described
    for path in ("a.below", "forward", "x..y"):
        with pytest.raises(UserError, match="no path that a leaf can have"):
            LeafGraph([], leaves={**leaves, path: {**leaves["b"], "at": 99, "reads": ["a"]}}, outputs=outputs)
    with pytest.raises(UserError, match="no leaf 'c'"):
        LeafGraph([], leaves=leaves, outputs={"map": "c"})
    with pytest.raises(UserError, match="expected mappings"):
        LeafGraph([], leaves={}, outputs=outputs)
