"""The network in integers: int8 weights, uint8 and int8 feature maps, int32 sums, shifts.

Convolutions run in float64, which holds every integer below 2^53: their sums, proven to stay below 2^24, are the same integers in
whatever order they are added, on a CPU and on a GPU.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.errors import UserError
from mtzoo.graph import IMAGES, Program
from mtzoo.layers import ConvBNAct, Leaf
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.ops.fixed_point import requantize, shift_right_half_even, sum_bound
from mtzoo.ops.grid import Grid
from mtzoo.ops.parts import Parts, plan_parts


class IntegerConv(nn.Module):
    """clamp(round(((w * x + b) 2^p + skip 2^q) 2^-r)), with shifts per channel: p, q >= 0, r of any sign.

    A layer that is too wide for one sum within 2^24 is computed in parts over its input channels, see `mtzoo.ops.parts`. The clamp is
    the ReLU, too. source, skip: grids of the inputs; output: grid of the result; an accumulator stays as it is. rounded: the
    8-bit grid that w * x + b is rounded to before the skip is added. largest: (C_out,) the largest |sum|. Raises UserError where it
    could pass 2^24.
    """

    def __init__(self, name: str, layer: ConvBNAct, weight: Tensor, bias: Tensor, *, weight_exponent: Tensor,
                 source: Grid, skip: Grid | None, output: Grid, rounded: Grid | None = None) -> None:
        super().__init__()
        conv = layer.conv
        self.pad = layer.pad
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        self.output, self.exact = output, output.low is None
        own = source.exponent + weight_exponent.int()  # (C_out,) grid of the products
        self.parts = exact_parts(name, weight, bias, own, source, skip if rounded is None else None, self.groups)
        self.largest = self.parts.largest
        own = own + self.parts.shift
        self.rounded = rounded
        self.register_buffer("shift_own", None if rounded is None else (rounded.exponent - own).view(-1, 1, 1))
        if rounded is not None:
            own, self.largest = rounded.exponent, _largest_rounded(name, rounded, skip, len(weight))
        fine = own if skip is None else torch.minimum(own, skip.exponent)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("exponent", fine if self.exact else output.exponent)
        self.register_buffer("align", (own - fine).view(-1, 1, 1))
        self.register_buffer("align_skip", None if skip is None else (skip.exponent - fine).view(-1, 1, 1))
        self.register_buffer("shift", None if self.exact else (output.exponent - fine).view(-1, 1, 1))

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W) uint8 or int8 -> (N, C_out, H / stride, W / stride) of the output grid's dtype."""
        total = self.accumulate(x)
        if self.rounded is not None:
            total = requantize(total, self.shift_own, self.rounded.low, self.rounded.high)
        total = total << self.align
        if skip is not None:
            total += skip.int() << self.align_skip
        if self.exact:
            return total
        return requantize(total, self.shift, self.output.low, self.output.high).to(self.output.dtype)

    def accumulate(self, x: Tensor) -> Tensor:
        """w * x + b in int32, in steps of 2^shift of the parts: (N, C_in, H, W) -> (N, C_out, H', W')."""
        x, weight = self.pad(x.double()), self.weight.double()
        if self.parts.count == 1:
            return F.conv2d(x, weight, self.bias.double(), self.stride, self.padding, self.dilation, self.groups).int()
        total, shift = 0, torch.tensor(self.parts.shift, device=x.device)
        for first, end in self.parts.ranges:
            bias = self.bias.double() if first == 0 else None
            part = F.conv2d(x[:, first:end], weight[:, first:end], bias, self.stride, self.padding, self.dilation)
            total = total + shift_right_half_even(part.int(), shift)
        return total


def exact_parts(name: str, weight: Tensor, bias: Tensor, own: Tensor, source: Grid, skip: Grid | None, groups: int) -> Parts:
    """How the sums of a layer stay within 2^24. own: (C_out,) exponents of the products.

    Raises UserError naming the layer, the channel and the value where they cannot.
    """
    step = None if skip is None else torch.exp2((skip.exponent - own).double())
    added = (0.0, 0.0) if skip is None else (skip.low * step, skip.high * step)
    ends = source.low, source.high
    parts = plan_parts(weight, bias, ends, added, 1.0 if step is None else step, groups)
    if parts is not None:
        return parts
    largest = sum_bound(weight.double(), bias.double(), ends, added)
    channel = int(largest.argmax())
    raise UserError(f"layer '{name}', channel {channel}: its sum can reach {largest[channel]:.0f}, above 2^24 = {EXACT_LIMIT}; float32 "
                    "executors would not be exact. Train with weight decay, use weight_bits=7, or fewer input channels")


def _largest_rounded(name: str, rounded: Grid, skip: Grid, channels: int) -> Tensor:
    """(channels,) the largest |sum| of two grids of 8 bits, in steps of the finer. Raises UserError where it could pass 2^24."""
    largest = (rounded.largest + skip.largest) / min(float(rounded.scale), float(skip.scale))
    if largest > EXACT_LIMIT:
        raise UserError(f"layer '{name}': its sum with the skip can reach {largest:.0f} steps, above 2^24 = {EXACT_LIMIT}; "
                        "their scales are too far apart. Take quantization.skip_sum='accumulator'")
    return torch.full((channels,), largest, dtype=torch.float64)


class IntegerLeaf(nn.Module):
    """A leaf without weights on integers. Raises UserError where its sums could pass 2^24."""

    def __init__(self, name: str, leaf: Leaf, inputs: Sequence[Grid], output: Grid) -> None:
        super().__init__()
        self.name, self.inputs, self.output = name, tuple(inputs), output
        self.__dict__["leaf"] = leaf  # its quantizers are no part of an integer network's state
        self.register_buffer("exponent", output.exponent)

    def forward(self, *xs: Tensor) -> Tensor:
        if self.leaf.grid_rule == "own":
            largest = self.leaf.largest(self.inputs, [tuple(x.shape) for x in xs])
            if largest > EXACT_LIMIT:
                raise UserError(f"layer '{self.name}': its sum can reach {largest:.0f} steps, above 2^24 = {EXACT_LIMIT}; float32 "
                                "executors would not be exact. Its inputs are too large or their scales too far apart")
        return self.leaf.integer(xs, self.inputs, self.output)


class IntegerNet(nn.Module):
    """uint8 images (N, 3, H, W) BGR -> {task: {output: float32 (N, C, H/s, W/s)}}, each value an integer * 2^exponent.

    steps: call -> what computes it from what the call reads.
    """

    def __init__(self, program: Program, steps: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.reads = {call.name: call.reads for call in program.calls}
        self.outputs = program.outputs
        self.steps = nn.ModuleDict({_key(name): step for name, step in steps.items()})

    def forward(self, images: Tensor) -> dict[str, dict[str, Tensor]]:
        if images.dtype != torch.uint8:
            raise TypeError(f"the integer network reads uint8 images, not {images.dtype}")
        values = {IMAGES: images}
        for name, reads in self.reads.items():
            values[name] = self.steps[_key(name)](*(values[read] for read in reads))
        return {task: {output: self._to_float(values[name], name) for output, name in maps.items()}
                for task, maps in self.outputs.items()}

    def bound(self, task: str, output: str) -> tuple[Tensor, Tensor]:
        """(largest, exponent) of an output, both (C,), or () if it is of 8 bits: each value is an integer * 2^exponent, and the
        largest |integer| is that."""
        name = self.outputs[task][output]
        step = self.steps[_key(name)]
        if step.output.low is not None:
            return torch.tensor(float(max(-step.output.low, step.output.high)), dtype=torch.float64), step.exponent
        while isinstance(step, IntegerLeaf):  # it moves the sums of a convolution
            name = self.reads[name][0]
            step = self.steps[_key(name)]
        return step.largest, step.exponent

    def _to_float(self, value: Tensor, name: str) -> Tensor:
        """Exact: the integers are at most 2^24 and the factor is a power of two."""
        return value.float() * torch.exp2(self.steps[_key(name)].exponent.float()).view(-1, 1, 1)


def _key(name: str) -> str:
    return name.replace(".", "/")  # a module's own name cannot hold a dot
