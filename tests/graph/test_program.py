from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.compression.channels import channel_groups
from mtzoo.compression.pruning import kept_channels
from mtzoo.errors import UserError
from mtzoo.graph import Program, grids, producers, read_program, sharing_groups, trace
from mtzoo.layers import IMAGE_GRID, Concat, ConvBNAct, Enlarge, ImageQuant, Leaf, UpsampleNearest
from mtzoo.models import MultiTaskNet
from mtzoo.quantization.integer import IntegerLeaf


class OneTask(nn.Module):
    """Wraps a module whose forward is given, so that a test can draw any graph."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)

    def forward(self, images: Tensor) -> dict[str, dict[str, Tensor]]:
        return {"task": {"out": self.run(images, **self.layers)}}


def test_program_reads_the_network_in_order(net: MultiTaskNet) -> None:
    program = read_program(net)
    names = [call.name for call in program.calls]
    assert names[0] == "image_quant"
    assert len(set(names)) == len(names)
    for i, call in enumerate(program.calls):
        assert set(call.inputs) | ({call.skip} if call.skip else set()) <= {"images", *names[:i]}
    assert program.outputs["seg"] == {"logits": "nodes.seg_head.classify"}
    assert program.outputs["det"]["box_s16"] == "nodes.det_head.box.1"
    assert sum(call.skip is not None for call in program.calls) > 5
    assert {call.name for call in program.convs} == {n for n, m in net.named_modules() if isinstance(m, ConvBNAct)}


def test_traced_network_computes_the_same(net: MultiTaskNet, x: Tensor) -> None:
    with torch.no_grad():
        assert torch.equal(trace(net).eval()(x)["seg"]["logits"], net.eval()(x)["seg"]["logits"])


def test_concat_joins_producers_through_upsampling(net: MultiTaskNet) -> None:
    program = read_program(net)
    assert ("nodes.seg_head.spatial", "nodes.seg_head.context") in sharing_groups(program)
    assert producers(program)["nodes.seg_head.concat"] == ("nodes.seg_head.spatial", "nodes.seg_head.context")


def test_arguments_by_name_are_read_in_their_order() -> None:
    class Named(OneTask):
        def run(self, images: Tensor, a: nn.Module, b: nn.Module, c: nn.Module) -> Tensor:
            return c(like=a(images), x=b(skip=a(images), x=images))

    net = Named(a=UpsampleNearest(2), b=ConvBNAct(3, 3, 1), c=Enlarge())
    assert [(call.inputs, call.skip) for call in read_program(net).calls if call.name in ("layers.b", "layers.c")] == [
        (("images",), "layers.a#2"), (("layers.b", "layers.a"), None)]


class Block(nn.Module):
    """A module inside of the network, whose forward is given."""

    def __init__(self, forward: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.compute = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(x, **self.layers)


@pytest.mark.parametrize(("block", "message"), [
    (Block(lambda x: x + 1), r"module 'layers.block' computes add, .*use ConvBNAct's skip, conv\(x, skip=y\)"),
    (Block(lambda x: torch.cat([x, x], 1)), "module 'layers.block' computes cat, .*use Concat of"),
    (Block(lambda x: F.interpolate(x, scale_factor=2.0)), "module 'layers.block' computes interpolate, .*use UpsampleNearest of"),
    (Block(lambda x: F.max_pool2d(x, 2)), "module 'layers.block' computes max_pool2d, .*no layer of mtzoo.layers stands for it"),
    (Block(lambda x: x.mean((2, 3))), "module 'layers.block' computes mean, "),
    (Block(lambda x, pool: pool(x), pool=nn.MaxPool2d(2)), "module 'layers.block.layers.pool' computes MaxPool2d, .*no layer"),
    (Block(lambda x, bn: bn(x), bn=nn.BatchNorm2d(4)), "module 'layers.block.layers.bn' computes BatchNorm2d, .*use ConvBNAct of"),
    (Block(lambda x, conv: conv(x), conv=nn.Conv2d(4, 4, 1)), "module 'layers.block.layers.conv' computes Conv2d, .*use ConvBNAct of"),
    (Block(lambda x: x if x.sum() > 0 else -x), r"module 'layers.block' \(Block\): its forward depends on the values of a tensor"),
], ids=["add", "cat", "interpolate", "max_pool2d", "mean", "MaxPool2d", "BatchNorm2d", "Conv2d", "control flow"])
def test_what_is_no_leaf_is_named_with_its_module_and_what_to_use(block: nn.Module, message: str) -> None:
    class Net(OneTask):
        def run(self, images: Tensor, conv: nn.Module, block: nn.Module) -> Tensor:
            return block(conv(images))

    with pytest.raises(UserError, match=message):
        read_program(Net(conv=ConvBNAct(3, 4, 1), block=block))


def test_a_layer_that_runs_twice_is_refused() -> None:
    class Twice(OneTask):
        def run(self, images: Tensor, conv: nn.Module, up: nn.Module) -> Tensor:
            return conv(up(conv(images)))

    with pytest.raises(UserError, match=r"'layers.conv' runs twice"):
        read_program(Twice(conv=ConvBNAct(3, 3, 1), up=UpsampleNearest()))


def test_accumulator_nobody_rounds_is_refused() -> None:
    class Chain(OneTask):
        def run(self, images: Tensor, image: nn.Module, a: nn.Module, b: nn.Module) -> Tensor:
            return b(a(image(images)))

    net = Chain(image=ImageQuant(), a=ConvBNAct(3, 3, 1, output="accumulator"), b=ConvBNAct(3, 3, 1))
    state = {f"layers.{n}.weight_exponent": torch.zeros(3, dtype=torch.int8) for n in "ab"}
    with pytest.raises(UserError, match=r"'layers.b' reads 'layers.a'"):
        grids(read_program(net), state)


class Unknown(Leaf):
    """A leaf whose class states no rule."""

    grid_rule = "own"

    def compute(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(("rule", "stage"), [
    ("signed", producers),
    ("signed", lambda program: grids(program, {})),
    ("channels", lambda program: channel_groups(program, {})),
    ("channels", lambda program: kept_channels(program, {})),
    ("largest", lambda program: IntegerLeaf("leaf", program.calls[1].module, [IMAGE_GRID], IMAGE_GRID)(torch.zeros(1, 3, 8, 8))),
    ("emit", lambda program: program.calls[1].module.emit(None, "leaf", ["image"])),
])
def test_a_leaf_without_a_rule_is_an_error_that_names_it_and_the_file(rule: str, stage: Callable[[Program], object]) -> None:
    """No stage takes an unknown leaf for one that it knows."""
    class Net(OneTask):
        def run(self, images: Tensor, image: nn.Module, leaf: nn.Module, join: nn.Module) -> Tensor:
            return join(leaf(image(images)))

    program = read_program(Net(image=ImageQuant(), leaf=Unknown(), join=Concat()))
    with pytest.raises(UserError, match=rf"Unknown has no rule '{rule}'; add the method to its class in .*test_program.py"):
        stage(program)
