from pathlib import Path

import pytest
import torch

from mtzoo.compression import channel_groups, prune, removed_channels, weight_scores
from mtzoo.config import config_from_dict, config_hash
from mtzoo.config.channels import adopt_channels, channel_plan, with_channels
from mtzoo.config.load import select_tasks
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.graph_spec import REMOVED
from mtzoo.models.channel_plan import channels_of
from tests.tiny import tiny_config, write_images

PATH = Path("pruned.pt")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return tiny_config(write_images(tmp_path_factory.mktemp("data") / "d", 2))


@pytest.fixture(scope="module")
def pruned(config):
    net = network_at(config, 0, quantized=False)
    groups = channel_groups(read_program(net), weight_scores(net, "l1"), align=4)
    prune(net, removed_channels({group.name: group.counts[1] for group in groups}, groups))
    return net.eval()


def test_a_pruned_network_is_built_again_from_its_config(config, pruned):
    ready = with_channels(config, channel_plan(config, pruned))
    again = network_at(config_from_dict(dict(ready.resolved)), 0, quantized=False)
    assert channels_of(again) == channels_of(pruned)
    again.load_state_dict(pruned.state_dict())
    x = torch.randn(1, 3, 64, 96)
    assert torch.equal(again.eval()(x)["seg"]["logits"], pruned(x)["seg"]["logits"])
    assert config_hash(ready) != config_hash(config)
    assert config_hash(with_channels(ready, {})) == config_hash(config)
    gone = {name for name, channels in ready.channels.items() if channels == REMOVED}
    assert "nodes.backbone.stages.2.1" in gone
    assert not any(layer.startswith(f"{block}.") for block in gone for layer in ready.channels)
    assert set(channels_of(pruned)) > set(ready.channels) - gone  # layers that did not change are not named


def test_a_config_adopts_the_plan_of_a_checkpoint(config, pruned):
    held = with_channels(config, channel_plan(config, pruned)).resolved
    assert adopt_channels(config, held, PATH).channels == {k: tuple(v) for k, v in held["channels"].items()}
    assert adopt_channels(config, config.resolved, PATH) is config
    own = with_channels(config, {})
    assert adopt_channels(own, {}, PATH) is own


def test_with_fewer_tasks_the_plan_is_that_of_their_nodes(config, pruned):
    held = dict(with_channels(config, channel_plan(config, pruned)).resolved)
    selected = config_from_dict(select_tasks(held, ["seg"]))
    nodes = {name.split(".")[1] for name in selected.channels}
    assert nodes == {"backbone", "neck", "seg_head"}
    only_seg = config_from_dict(select_tasks(dict(config.resolved), ["seg"]))
    assert adopt_channels(only_seg, held, PATH).channels == selected.channels
    network_at(selected, 0, quantized=False)


def test_a_plan_for_other_specs_is_one_line(config, pruned):
    held = {"channels": {"nodes.backbone.stem": [3, 512, 1]}}
    with pytest.raises(UserError, match=r"^pruned.pt: a pruned network, whose widths do not fit this config: .*wider"):
        adopt_channels(config, held, PATH)
