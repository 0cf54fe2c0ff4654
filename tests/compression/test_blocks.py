import copy

import numpy as np
import pytest
import torch
from torch import nn

from mtzoo.compression.blocks import pass_over, removed_blocks, residual_blocks
from mtzoo.compression.channels import channel_groups, removed_channels
from mtzoo.compression.partial_run import pruned_part, run_calls
from mtzoo.compression.pruning import prune
from mtzoo.compression.widths import ChannelState
from mtzoo.graph import IMAGES, read_program
from mtzoo.layers import ConvBNAct, GlobalMean, ImageQuant, Product, Sum, Table, UpsampleNearest
from mtzoo.models import build_network
from mtzoo.models.vargnet.blocks import VarGBlock
from tests.compression.helpers import mask
from tests.quantization.helpers import differing, images, outputs, randomize
from tests.tiny import tiny_graphs


class Trunk(nn.Module):
    """A rectified layer, a block, and a layer that reads it."""

    def __init__(self, block: nn.Module | None = None, *, activation: str = "relu") -> None:
        super().__init__()
        self.image, self.stem = ImageQuant(), ConvBNAct(3, 8, 3, activation=activation)
        self.block = block or VarGBlock(8, group_base=8)
        self.head = ConvBNAct(8, 2, 1, activation="none", bn=False, output="accumulator")

    def forward(self, x):
        return {"task": {"logits": self.head(self.block(self.stem(self.image(x))))}}


class Inline(Trunk):
    """The same function, put together in the trunk."""

    def forward(self, x):
        x = self.stem(x)
        return {"task": {"logits": self.head(self.block.out_conv(self.block.conv(x), skip=x))}}


class Watched(Trunk):
    """Somebody else reads what is inside of the block."""

    def forward(self, x):
        x = self.stem(x)
        inner = self.block.conv(x)
        return {"task": {"logits": self.head(self.block.out_conv(inner, skip=x)), "more": self.head2(inner)}}


def names(net) -> list[str]:
    return [block.name for block in residual_blocks(read_program(net))]


def test_blocks_of_backbone_neck_and_heads_are_found():
    found = names(build_network(tiny_graphs()))
    assert {"nodes.backbone.stages.1.1", "nodes.backbone.stages.3.3", "nodes.neck.levels.0.block",
            "nodes.seg_head.blocks.0"} <= set(found)
    assert not any(name.endswith(("levels.0", "stages.1.0")) for name in found)  # sums of two inputs


def test_a_block_is_a_module_of_its_own_over_a_rectified_input():
    assert names(Trunk()) == ["block"]
    assert names(Inline()) == []  # nobody calls the module that could pass its input on
    assert names(Trunk(activation="none")) == []  # what is below 0 would be cut
    watched = Watched()
    watched.head2 = ConvBNAct(8, 2, 1, activation="none", bn=False, output="accumulator")
    assert names(watched) == []


class Excited(nn.Module):
    """A block with squeeze and excitation inside: not one chain, and not of convolutions alone. activation: of its end."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.expand = ConvBNAct(8, 16, 1, activation="relu6")
        self.squeeze = ConvBNAct(16, 4, 3, stride=2)
        self.excite = ConvBNAct(4, 16, 1, activation="none")
        self.gate, self.enlarge, self.scale = Table("sigmoid"), UpsampleNearest(2), Product()
        self.project = ConvBNAct(16, 8, 1, activation=activation)

    def forward(self, x):
        y = self.expand(x)
        return self.project(self.scale(y, self.enlarge(self.gate(self.excite(self.squeeze(y))))), skip=x)


def test_inside_may_be_any_leaves_that_nobody_else_reads():
    block, = residual_blocks(read_program(Trunk(Excited("relu"))))
    assert block.inside == ("block.expand", "block.squeeze", "block.excite", "block.gate", "block.enlarge", "block.scale")
    assert block.convs == ("block.expand", "block.squeeze", "block.excite")
    assert (block.name, block.input, block.last) == ("block", "stem", "block.project")


class Outside(Trunk):
    """The block's gate reads the image as well."""

    def forward(self, x):
        y = self.block.expand(self.stem(x))
        gate = self.block.gate(self.other(x))
        return {"task": {"logits": self.head(self.block.project(self.block.scale(y, gate), skip=self.stem2(x)))}}


def test_a_branch_that_comes_from_elsewhere_too_is_no_block():
    net = Outside(Excited("none"))
    net.other, net.stem2 = ConvBNAct(3, 16, 1), ConvBNAct(3, 8, 1)
    assert names(net) == []


def test_the_activation_behind_the_sum_may_change_nothing_of_the_input():
    assert names(Trunk(Excited("none"), activation="none")) == ["block"]  # MobileNetV2's
    assert names(Trunk(Excited("none"), activation="relu")) == ["block"]
    assert names(Trunk(Excited("relu"), activation="relu6")) == ["block"]
    assert names(Trunk(Excited("relu6"), activation="relu6")) == ["block"]
    assert names(Trunk(Excited("relu6"), activation="relu")) == []  # 7 would become 6
    assert names(Trunk(Excited("relu"), activation="none")) == []


@pytest.mark.parametrize("activation", ["none", "relu6"])
def test_a_block_of_any_leaves_goes_with_its_convolutions(activation):
    torch.manual_seed(0)
    pruned = Trunk(Excited(activation), activation=activation)
    x = (images(1, 0).float() - 128) / 128
    randomize(pruned, x)
    masked, whole = copy.deepcopy(pruned), outputs(pruned, x)
    group, = [g for g in channel_groups(read_program(pruned), random_scores(pruned), align=1) if g.kind == "block"]
    assert (group.name, list(group.gates)) == ("block", ["block.project"])
    removed = removed_channels({"block": 0}, [group])
    assert removed == {name: set(channels) for name, channels in inside(pruned, "block").items()}
    prune(pruned, removed)
    mask(masked, removed)
    assert isinstance(pruned.block, nn.Identity)
    assert differing(outputs(pruned, x), whole) > 0
    torch.testing.assert_close(outputs(pruned, x), outputs(masked, x))


class Attended(nn.Module):
    """SE-ResNet's: what is added comes from no convolution, so the block ends in a Sum. swapped: x stands first in it."""

    def __init__(self, activation: str = "relu", *, swapped: bool = False) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvBNAct(8, 12, 3), ConvBNAct(12, 8, 3, activation="none")
        self.mean, self.squeeze = GlobalMean(), ConvBNAct(8, 4, 1, bn=False)
        self.excite = ConvBNAct(4, 8, 1, activation="none", bn=False)
        self.gate, self.scale, self.sum, self.swapped = Table("sigmoid"), Product(), Sum(activation), swapped

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        y = self.scale(y, self.gate(self.excite(self.squeeze(self.mean(y)))))
        return self.sum(x, y) if self.swapped else self.sum(y, x)


SWAPPED = pytest.mark.parametrize("swapped", [False, True])


@SWAPPED
def test_a_block_may_end_in_a_sum(swapped):
    block, = residual_blocks(read_program(Trunk(Attended(swapped=swapped))))
    assert (block.name, block.input, block.last, block.adds) == ("block", "stem", "block.sum", ("block.conv2",))
    assert block.convs == ("block.conv1", "block.squeeze", "block.excite")
    assert names(Trunk(Attended("none", swapped=swapped), activation="none")) == ["block"]
    assert names(Trunk(Attended("relu6", swapped=swapped))) == []


class Three(nn.Module):
    """x and two branches."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.sum = (ConvBNAct(8, 12, 1), ConvBNAct(12, 8, 1, activation="none"),
                                            ConvBNAct(8, 8, 3, activation="none"), Sum("relu"))

    def forward(self, x):
        return self.sum(self.b(self.a(x)), x, self.c(x))


def test_a_block_may_have_several_branches():
    block, = residual_blocks(read_program(Trunk(Three())))
    assert (block.input, block.adds, block.convs) == ("stem", ("block.b", "block.c"), ("block.a",))


class Broadcast(nn.Module):
    """One channel is added to all."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.sum = ConvBNAct(8, 8, 1), ConvBNAct(8, 1, 1), Sum("relu")

    def forward(self, x):
        return self.sum(self.b(self.a(x)), x)


def test_what_is_added_is_made_inside_for_every_channel():
    assert names(Trunk(Broadcast())) == []


@SWAPPED
def test_a_block_that_ends_in_a_sum_goes_like_any_other(swapped):
    """Masked = pruned = run in part; the costs of what is left are those of the smaller network."""
    torch.manual_seed(0)
    whole = Trunk(Attended(swapped=swapped))
    x = (images(1, 0).float() - 128) / 128
    randomize(whole, x)
    pruned, masked, program = copy.deepcopy(whole), copy.deepcopy(whole), read_program(whole)
    groups = channel_groups(program, random_scores(whole), align=1)
    removed = removed_channels({"block": 0}, groups)
    prune(pruned, removed)
    mask(masked, removed)
    assert isinstance(pruned.block, nn.Identity)
    assert differing(outputs(pruned, x), outputs(whole, x)) > 0
    torch.testing.assert_close(outputs(pruned, x), outputs(masked, x))
    part = pruned_part(program, removed)
    assert [call.name for call in part.program.calls] == ["head"]
    original = run_calls(program.calls, {IMAGES: x})
    torch.testing.assert_close(part.outputs(original, ["task"])["task"]["logits"], outputs(pruned, x)["task.logits"])
    widths = ChannelState(program, {}, "params")
    widths.remove([groups[[group.name for group in groups].index("block")].units[0]])
    assert widths.total() == sum(p.numel() for p in pruned.parameters())


def random_scores(net: nn.Module) -> dict[str, np.ndarray]:
    return {call.name: np.random.default_rng(0).random(call.module.conv.out_channels) for call in read_program(net).convs}


def inside(net, *wanted: str) -> dict[str, range]:
    program = read_program(net)
    return {name: range(net.get_submodule(name).conv.out_channels)
            for block in residual_blocks(program) if block.name in wanted for name in block.convs}


def test_blocks_in_a_row_are_passed_over():
    net = build_network(tiny_graphs())
    program, removed = read_program(net), inside(net, "nodes.backbone.stages.1.1", "nodes.backbone.stages.1.2")
    gone = removed_blocks(program, removed)
    assert [block.name for block in gone] == ["nodes.backbone.stages.1.1", "nodes.backbone.stages.1.2"]
    left = pass_over(program, gone)
    readers = [call.name for call in left.calls if "nodes.backbone.stages.1.0.pointwise" in (*call.inputs, call.skip)]
    assert "nodes.backbone.stages.2.0.conv.spatial" in readers
    assert not any(call.name.startswith(("nodes.backbone.stages.1.1", "nodes.backbone.stages.1.2")) for call in left.calls)
    untouched = next(call for call in program.calls if call.name == "nodes.backbone.stages.3.3.conv.spatial")
    assert any(call is untouched for call in left.calls)
    assert pass_over(program, []) == program


def test_a_block_goes_with_all_of_its_inside(wide_net):
    block = "nodes.backbone.stages.2.3"
    pruned, masked = wide_net(tiny_graphs()), wide_net(tiny_graphs())
    removed = inside(pruned, block)
    assert removed_blocks(read_program(pruned), {**removed, f"{block}.conv.spatial": [0]}) == []
    prune(pruned, removed)
    mask(masked, removed)
    assert isinstance(pruned.get_submodule(block), nn.Identity)
    x = (images(1, 0).float() - 128) / 128
    one, other = outputs(pruned, x), outputs(masked, x)
    for name in one:
        assert torch.allclose(one[name], other[name], atol=1e-5 * float(other[name].abs().max()))
    assert differing(one, outputs(wide_net(tiny_graphs()), x)) > 0
