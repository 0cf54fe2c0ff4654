import torch
from torch import nn

from mtzoo.compression.blocks import gone_blocks, pass_over, residual_blocks
from mtzoo.compression.pruning import prune
from mtzoo.graph import read_program
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from mtzoo.models.vargnet.blocks import VarGBlock
from tests.compression.helpers import mask
from tests.quantization.helpers import differing, images, outputs
from tests.tiny import tiny_graphs


class Trunk(nn.Module):
    """A rectified layer, a block, and a layer that reads it."""

    def __init__(self, *, relu: bool = True) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 8, 3, activation="relu" if relu else "none")
        self.block = VarGBlock(8, group_base=8)
        self.head = ConvBNAct(8, 2, 1, activation="none", bn=False, output="accumulator")

    def forward(self, x):
        return {"task": {"logits": self.head(self.block(self.stem(x)))}}


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
    assert names(Trunk(relu=False)) == []  # what is below 0 would be cut
    watched = Watched()
    watched.head2 = ConvBNAct(8, 2, 1, activation="none", bn=False, output="accumulator")
    assert names(watched) == []


def inside(net, *wanted: str) -> dict[str, range]:
    program = read_program(net)
    return {name: range(net.get_submodule(name).conv.out_channels)
            for block in residual_blocks(program) if block.name in wanted for name in block.inside}


def test_blocks_in_a_row_are_passed_over():
    net = build_network(tiny_graphs())
    program, removed = read_program(net), inside(net, "nodes.backbone.stages.1.1", "nodes.backbone.stages.1.2")
    gone = gone_blocks(program, removed)
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
    assert gone_blocks(read_program(pruned), {**removed, f"{block}.conv.spatial": [0]}) == []
    prune(pruned, removed)
    mask(masked, removed)
    assert isinstance(pruned.get_submodule(block), nn.Identity)
    x = (images(1, 0).float() - 128) / 128
    one, other = outputs(pruned, x), outputs(masked, x)
    for name in one:
        assert torch.allclose(one[name], other[name], atol=1e-5 * float(other[name].abs().max()))
    assert differing(one, outputs(wide_net(tiny_graphs()), x)) > 0
