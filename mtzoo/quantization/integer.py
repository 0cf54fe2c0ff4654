"""The network in integers: int8 weights, uint8 and int8 feature maps, int32 sums, shifts.

Convolutions run in float64, which holds every integer below 2^53: their sums, proven to stay below 2^24, are the same integers in
whatever order they are added, on a CPU and on a GPU.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.errors import UserError
from mtzoo.layers import Concat, ConvBNAct, ImageQuant, UpsampleNearest2x
from mtzoo.ops.fixed_point import EXACT_LIMIT, requantize, sum_bound
from mtzoo.quantization.graph import IMAGES, Grid, Program, missing_rule


class IntegerConv(nn.Module):
    """clamp(round(((w * x + b) 2^p + skip 2^q) 2^-r)), with shifts per channel: p, q >= 0, r of any sign.

    The clamp is the ReLU, too. source, skip: grids of the inputs; output: grid of the result, on which an accumulator stays
    as it is. Raises UserError where the sum could pass 2^24.
    """

    def __init__(self, name: str, layer: ConvBNAct, weight: Tensor, bias: Tensor, *, weight_exponent: Tensor,
                 source: Grid, skip: Grid | None, output: Grid) -> None:
        super().__init__()
        conv = layer.conv
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        self.output, self.exact = output, output.low is None
        own = source.exponent + weight_exponent.int()  # (C_out,) grid of the products
        fine = own if skip is None else torch.minimum(own, skip.exponent)
        prove_exact(name, weight, bias, own=own, fine=fine, source=source, skip=skip)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("exponent", output.exponent)
        self.register_buffer("align", (own - fine).view(-1, 1, 1))
        self.register_buffer("align_skip", None if skip is None else (skip.exponent - fine).view(-1, 1, 1))
        self.register_buffer("shift", None if self.exact else (output.exponent - fine).view(-1, 1, 1))

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W) uint8 or int8 -> (N, C_out, H / stride, W / stride) of the output grid's dtype."""
        total = self.accumulate(x) << self.align
        if skip is not None:
            total += skip.int() << self.align_skip
        if self.exact:
            return total
        return requantize(total, self.shift, self.output.low, self.output.high).to(self.output.dtype)

    def accumulate(self, x: Tensor) -> Tensor:
        """w * x + b in int32: (N, C_in, H, W) -> (N, C_out, H', W')."""
        total = F.conv2d(x.double(), self.weight.double(), self.bias.double(), self.stride, self.padding, self.dilation,
                         self.groups)
        return total.int()


def prove_exact(name: str, weight: Tensor, bias: Tensor, *, own: Tensor, fine: Tensor, source: Grid,
                skip: Grid | None) -> Tensor:
    """(C_out,) float64: the largest |sum| each channel can reach, in steps of its finest grid.

    Raises UserError naming the layer, the channel and the value where that is above 2^24.
    """
    step = torch.exp2((own - fine).double())  # of a product
    added = (0, 0) if skip is None else tuple(end * torch.exp2((skip.exponent - own).double()) for end in (skip.low, skip.high))
    largest = step * sum_bound(weight.double(), bias.double(), (source.low, source.high), added)
    channel = int(largest.argmax())
    if float(largest[channel]) > EXACT_LIMIT:
        raise UserError(f"layer '{name}', channel {channel}: its sum can reach {largest[channel]:.0f}, above 2^24 = "
                        f"{EXACT_LIMIT}; float32 executors would not be exact. Train with weight decay, use weight_bits=7, or "
                        "fewer input channels")
    return largest


class IntegerNet(nn.Module):
    """uint8 images (N, 3, H, W) BGR -> {task: {output: float32 (N, C, H/s, W/s)}}, each value an integer * 2^exponent."""

    def __init__(self, program: Program, convs: dict[str, IntegerConv]) -> None:
        super().__init__()
        self.steps = tuple((call.name, type(call.module), call.inputs, call.skip) for call in program.calls)
        self.outputs = program.outputs
        self.convs = nn.ModuleDict({_key(name): conv for name, conv in convs.items()})

    def forward(self, images: Tensor) -> dict[str, dict[str, Tensor]]:
        if images.dtype != torch.uint8:
            raise TypeError(f"the integer network reads uint8 images, not {images.dtype}")
        values = {IMAGES: images}
        for name, kind, inputs, skip in self.steps:
            values[name] = self._step(name, kind, [values[i] for i in inputs], None if skip is None else values[skip])
        return {task: {output: self._to_float(values[name], name) for output, name in maps.items()}
                for task, maps in self.outputs.items()}

    def _step(self, name: str, kind: type, inputs: list[Tensor], skip: Tensor | None) -> Tensor:
        if kind is ConvBNAct:
            return self.convs[_key(name)](inputs[0], skip)
        if kind is ImageQuant:
            return (inputs[0].to(torch.int16) - 128).to(torch.int8)
        if kind is Concat:
            return torch.cat(inputs, dim=1)
        if kind is UpsampleNearest2x:
            return inputs[0].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        raise missing_rule(name, kind, "integer", "mtzoo/quantization/integer.py")

    def _to_float(self, value: Tensor, name: str) -> Tensor:
        """Exact: the integers are below 2^24 and the factor is a power of two."""
        return value.float() * torch.exp2(self.convs[_key(name)].exponent.float()).view(-1, 1, 1)


def _key(name: str) -> str:
    return name.replace(".", "/")  # a module's own name cannot hold a dot
