import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch.nn import functional as F

from mtzoo.deploy.export import build_model
from mtzoo.deploy.file import read_deploy_file
from mtzoo.layers import ConvBNAct
from mtzoo.runtime.regroup import regroup, widen_groups
from tests.chain import GEOMETRY, folded_chain


@pytest.mark.parametrize(("c_in", "c_out", "groups", "channels", "wide"), [
    (32, 64, 4, 16, 2),
    (16, 16, 2, 16, 1),
    (32, 32, 4, 64, 1),
    (24, 48, 3, 16, 3),  # three groups cannot be joined in pairs
    (40, 40, 5, 64, 1),
    (16, 8, 1, 64, 1),
    (32, 32, 32, 4, 8),  # depthwise
])
def test_joined_groups_are_the_same_function(c_in, c_out, groups, channels, wide):
    generator = torch.Generator().manual_seed(c_in)
    weight = torch.randint(-127, 128, (c_out, c_in // groups, 3, 3), generator=generator, dtype=torch.int8)
    joined, count = widen_groups(weight.numpy(), groups, channels)
    assert (count, joined.dtype) == (wide, np.int8)
    x = torch.randint(0, 256, (1, c_in, 5, 6), generator=generator).double()
    expected = F.conv2d(x, weight.double(), groups=groups)
    assert torch.equal(F.conv2d(x, torch.from_numpy(joined).double(), groups=count), expected)


def test_only_integer_group_convolutions_change(model_path):
    model = read_deploy_file(model_path).model
    before = model.SerializeToString()
    wide = regroup(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(wide, full_check=True)
    old, new = ({t.name: numpy_helper.to_array(t) for t in m.graph.initializer} for m in (model, wide))
    changed = {name for name in old if old[name].shape != new[name].shape}
    assert "nodes.neck.levels.0.conv.spatial.weight" in changed
    assert all(name.endswith("weight") and old[name].shape[2:] == (3, 3) for name in changed)
    assert all(np.abs(old[name].astype(int)).sum() == np.abs(new[name].astype(int)).sum() for name in changed)


def test_depthwise_convolutions_stay_as_they_are():
    """Joined groups of one would only multiply zeros: 16 times the work."""
    net = folded_chain(ConvBNAct(3, 32, 1), ConvBNAct(32, 32, 3, groups=32), ConvBNAct(32, 32, 3, groups=4))
    wide = regroup(build_model(net, {}, GEOMETRY, quantized=True, postprocess=False))
    shapes = {t.name: tuple(t.dims) for t in wide.graph.initializer if t.name.endswith("weight")}
    assert shapes["nodes.chain.layers.1.weight"] == (32, 1, 3, 3)
    assert shapes["nodes.chain.layers.2.weight"] == (32, 16, 3, 3)
