"""The networks that PaddleSeg prunes lose channels in every part."""

from copy import deepcopy

import pytest
import torch

from mtzoo.compression import channel_groups, prune, removed_channels, weight_scores
from mtzoo.config import load_config
from mtzoo.engine.stages import config_network
from mtzoo.graph import read_program
from mtzoo.locate import find_config
from tests.compression.helpers import mask
from tests.quantization.helpers import outputs, randomize


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zoo/fastscnn", pytest.param("zoo/bisenetv2", marks=pytest.mark.thorough),
                                  pytest.param("zoo/hardnet", marks=pytest.mark.thorough)])
def test_channels_gone_for_real_and_channels_that_give_0_are_one_function(name):
    torch.manual_seed(0)
    pruned = config_network(load_config(find_config(name)))
    x = torch.rand(2, 3, 128, 192) * 2 - 1
    randomize(pruned, x)
    masked, whole = deepcopy(pruned), outputs(pruned, x)
    convs = [call.name for call in read_program(pruned).convs]
    groups = channel_groups(read_program(pruned), weight_scores(pruned, "l2"), align=2)
    removed = removed_channels({group.name: group.count_at(0.3) for group in groups if group.kind == "channels"}, groups)
    assert {layer.split(".")[1] for layer in removed} == {"backbone", "neck"} | ({"seg_head"} if name != "zoo/hardnet" else set())
    assert len(removed) > 0.8 * len(convs)
    before = sum(p.numel() for p in pruned.parameters())
    prune(pruned, removed)
    mask(masked, removed)
    assert sum(p.numel() for p in pruned.parameters()) < 0.65 * before
    one, other = outputs(pruned, x)["seg.logits"], outputs(masked, x)["seg.logits"]
    assert float((one - other).abs().max()) <= 1e-4 * float(other.abs().max())
    assert float((one - whole["seg.logits"]).abs().max()) > 1e-2 * float(other.abs().max())
