import pytest
import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.layers import ConvBNAct, ImageQuant, UpsampleNearest2x
from mtzoo.models import MultiTaskNet
from mtzoo.quantization.graph import grids, producers, read_program, sharing_groups, trace


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


def test_arithmetic_outside_the_leaves_is_refused() -> None:
    class Adds(OneTask):
        def run(self, images: Tensor, conv: nn.Module) -> Tensor:
            return conv(images) + 1

    with pytest.raises(UserError, match="outside the layers"):
        read_program(Adds(conv=ConvBNAct(3, 4, 1)))


def test_a_layer_that_runs_twice_is_refused() -> None:
    class Twice(OneTask):
        def run(self, images: Tensor, conv: nn.Module, up: nn.Module) -> Tensor:
            return conv(up(conv(images)))

    with pytest.raises(UserError, match=r"'layers.conv' runs twice"):
        read_program(Twice(conv=ConvBNAct(3, 3, 1), up=UpsampleNearest2x()))


def test_accumulator_nobody_rounds_is_refused() -> None:
    class Chain(OneTask):
        def run(self, images: Tensor, image: nn.Module, a: nn.Module, b: nn.Module) -> Tensor:
            return b(a(image(images)))

    net = Chain(image=ImageQuant(), a=ConvBNAct(3, 3, 1, output="accumulator"), b=ConvBNAct(3, 3, 1))
    state = {f"layers.{n}.weight_exponent": torch.zeros(3, dtype=torch.int8) for n in "ab"}
    with pytest.raises(UserError, match=r"'layers.b' reads 'layers.a'"):
        grids(read_program(net), state)
