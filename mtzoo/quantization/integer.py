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
from mtzoo.ops.fixed_point import EXACT_LIMIT, requantize, sum_bound
from mtzoo.ops.grid import Grid


class IntegerConv(nn.Module):
    """clamp(round(((w * x + b) 2^p + skip 2^q) 2^-r)), with shifts per channel: p, q >= 0, r of any sign.

    The clamp is the ReLU, too. source, skip: grids of the inputs; output: grid of the result, on which an accumulator stays
    as it is. largest: (C_out,) what `prove_exact` has found. Raises UserError where the sum could pass 2^24.
    """

    def __init__(self, name: str, layer: ConvBNAct, weight: Tensor, bias: Tensor, *, weight_exponent: Tensor,
                 source: Grid, skip: Grid | None, output: Grid) -> None:
        super().__init__()
        conv = layer.conv
        self.pad = layer.pad
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        self.output, self.exact = output, output.low is None
        own = source.exponent + weight_exponent.int()  # (C_out,) grid of the products
        fine = own if skip is None else torch.minimum(own, skip.exponent)
        self.largest = prove_exact(name, weight, bias, own=own, fine=fine, source=source, skip=skip)
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
        total = F.conv2d(self.pad(x.double()), self.weight.double(), self.bias.double(), self.stride, self.padding, self.dilation,
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
