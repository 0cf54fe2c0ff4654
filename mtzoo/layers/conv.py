"""The one arithmetic unit with weights: convolution, BN, optional skip, optional ReLU, one rounding."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.layers.activation import UNIT_EXPONENT, Activated, Activation
from mtzoo.layers.conv_onnx import emit_conv
from mtzoo.layers.straight_through import straight_through
from mtzoo.layers.writer import Value, Writer
from mtzoo.ops.convolution import conv2d
from mtzoo.ops.parts import Parts

MOST_WEIGHTS = 1 << 27
"""Of one layer. The largest of published networks for images have 38 million."""
Output = Literal["quantized", "accumulator"]
Size = int | Sequence[int]
"""One number for height and width, or both."""


class ConvBNAct(Activated):
    """y = quantize(activation(bn(conv(x)) + skip)): what an accelerator does between two memory accesses.

    The skip is added inside, in the accumulator, so that a residual costs no rounding of its own, unless `conv_quant` rounds what is
    added to it. Quantizers are None in a float network; `mtzoo.quantization.prepare` fills them in, `fold` takes `bn` away.

    kernel_size, stride, dilation: one number, or height and width. padding: zeros around the map: one number, (height, width), or (top,
    left, bottom, right); None keeps the size of the map at stride 1. activation: "none", "relu", "relu6" or "unit" (0 ... 1).
    output: "quantized" (8 bit towards the next layer) or "accumulator" (the last convolution of a head: the sum as is). weight: (C_out,
    C_in / groups, kh, kw) constants that are not learnt. output_exponent: of the result's scale, 2^e, which is then never observed;
    that of "unit" is -8. Raises ValueError for what is no convolution.
    """

    grid_rule = "own"
    latency_kind = "conv"
    passes_input = False
    """Whether output c has input c in it, so that the two can only be pruned together."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Size, *, stride: Size = 1, padding: Size | None = None,
                 dilation: Size = 1, groups: int = 1, activation: Activation = "relu", bn: bool = True, output: Output = "quantized",
                 weight: Tensor | None = None, output_exponent: int | None = None) -> None:
        super().__init__(activation)
        kernel, stride, dilation = pair(kernel_size), pair(stride), pair(dilation)
        if min(in_channels, out_channels, *kernel, *stride, *dilation, groups) < 1:
            raise ValueError(f"a convolution of {in_channels} to {out_channels} channels in {groups} groups: all must be 1 or more")
        weights = in_channels // groups * out_channels * kernel[0] * kernel[1]
        if weights > MOST_WEIGHTS:
            raise ValueError(f"a convolution of {in_channels} to {out_channels} channels has {weights:,} weights, more than "
                             f"{MOST_WEIGHTS:,}")
        self.pads = sides([d * (k - 1) // 2 for d, k in zip(dilation, kernel)] if padding is None else padding)
        """Zeros (top, left, bottom, right) around the map."""
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, self.pads[:2] if self.padded_alike else 0, dilation, groups,
                              bias=not bn)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        if weight is not None:
            self.conv.weight = nn.Parameter(weight.reshape(self.conv.weight.shape).clone(), requires_grad=False)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)
        self.bn = nn.BatchNorm2d(out_channels) if bn else None
        self.output: Output = output
        self.fixed_exponent = UNIT_EXPONENT if activation == "unit" and output_exponent is None else output_exponent
        self.weight_quant: nn.Module | None = None
        self.bias_quant: nn.Module | None = None
        self.conv_quant: nn.Module | None = None

    @property
    def padded_alike(self) -> bool:
        """Whether opposite sides have as many zeros, so that the convolution itself adds them."""
        return self.pads[:2] == self.pads[2:]

    @property
    def norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """The BN that is live."""
        return () if self.bn is None else (self.bn,)

    @property
    def kernel(self) -> Tensor:
        """(C_out, C_in / groups, kh, kw): what the layer's inputs are weighted with, as far as it is a convolution's."""
        return self.conv.weight

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias, in float64, of the one convolution that computes the same as convolution and live BN."""
        return norm_folded(self.conv.weight.double(), self.conv.bias, self.bn)

    def drop_norms(self) -> None:
        """Take BN away: the convolution has its values."""
        self.bn = None

    def prune_norms(self, rows: Tensor, columns: Tensor) -> None:
        """Keep only some channels of what stands beside the convolution; see `prune_channels`."""
        if self.bn is not None:
            self.bn = pruned_norm(self.bn, rows)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W), skip (N, C_out, H', W') or None -> (N, C_out, H', W')."""
        return self.activate(self.accumulate(x, skip))

    def accumulate(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """The sum before activation and rounding; shapes as in `forward`."""
        conv = self.conv
        weight = conv.weight if self.weight_quant is None else self.weight_quant(conv.weight)
        bias = conv.bias if self.bias_quant is None or conv.bias is None else self.bias_quant(conv.bias)
        parts = None if self.weight_quant is None else self.weight_quant.parts
        y = conv2d(self.pad(x), weight, bias, conv) if parts is None else self._in_parts(self.pad(x), weight, bias, parts)
        if self.bn is not None:
            y = self.bn(y)
        return self.add(y, skip)

    def add(self, y: Tensor, skip: Tensor | None) -> Tensor:
        """y + skip, y rounded before where it is to be; y itself, which may be overwritten, without a skip."""
        if skip is None:
            return y
        return (y if self.conv_quant is None else self.conv_quant(y)) + skip

    def _in_parts(self, x: Tensor, weight: Tensor, bias: Tensor | None, parts: Parts) -> Tensor:
        """The sum of a quantized layer too wide for one exact sum, each part rounded before they are added."""
        conv, total = self.conv, None
        step = self.weight_quant.accumulator.scale.view(-1, 1, 1) * 2.0**parts.shift
        for first, end in parts.ranges:
            added = bias if first == 0 else None
            part = F.conv2d(x[:, first:end], weight[:, first:end], added, conv.stride, conv.padding, conv.dilation)
            part = straight_through(torch.round(part / step) * step, part)
            total = part if total is None else total + part
        return total

    def pad(self, x: Tensor) -> Tensor:
        """x with the zeros that the convolution does not add itself."""
        top, left, bottom, right = self.pads
        return x if self.padded_alike else F.pad(x, (left, right, top, bottom))

    def activate(self, y: Tensor) -> Tensor:
        """Activation and rounding of the sum, which they overwrite."""
        y = super().activate(y)
        return y if self.act_quant is None else self.act_quant(y)  # an unsigned quantizer clamps at 0, which is the ReLU

    def strip(self) -> None:
        super().strip()
        self.weight_quant = self.bias_quant = self.conv_quant = None

    def signed(self, inputs: Sequence[bool]) -> bool:
        return not self.relu

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        return emit_conv(writer, name, self, *reads)


def pair(size: Size) -> tuple[int, int]:
    """(height, width). Raises ValueError for anything else than one or two numbers."""
    both = (size, size) if isinstance(size, int) else tuple(size)
    if len(both) != 2:
        raise ValueError(f"{list(both)}: expected one number, or height and width")
    return both


def sides(padding: Size) -> tuple[int, int, int, int]:
    """(top, left, bottom, right). Raises ValueError for anything else than one, two or four numbers of 0 or more."""
    given = (padding, padding) if isinstance(padding, int) else tuple(padding)
    four = given * 2 if len(given) == 2 else given
    if len(four) != 4 or min(four) < 0:
        raise ValueError(f"padding={padding}: expected one number of 0 or more, (height, width), or (top, left, bottom, right)")
    return four


def norm_folded(weight: Tensor, bias: Tensor | None, bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """bn(w x + b) = (w f) x + (b - mean) f + beta, with f = gamma / sqrt(var + eps), per output channel, in float64.

    weight: (C_out, C_in / groups, kh, kw) float64.
    """
    mean, var = bn.running_mean.double(), bn.running_var.double()
    gamma = torch.ones_like(mean) if bn.weight is None else bn.weight.double()
    beta = torch.zeros_like(mean) if bn.bias is None else bn.bias.double()
    factor = gamma / torch.sqrt(var + bn.eps)  # (C_out,)
    shift = -mean if bias is None else bias.double() - mean
    return weight * factor.view(-1, 1, 1, 1), shift * factor + beta


@torch.no_grad()
def prune_channels(layer: ConvBNAct, rows: Tensor, columns: Tensor, groups: int) -> None:
    """Keep only some channels of a float layer, in place; its parameters are new objects.

    rows: indices of the outputs that stay; columns: indices of the inputs that stay, within each group; groups: how many there
    are of them now.
    """
    layer.conv = pruned_conv(layer.conv, rows, columns, groups)
    layer.prune_norms(rows, columns)
    layer.train(layer.training)


def pruned_conv(old: nn.Conv2d, rows: Tensor, columns: Tensor, groups: int) -> nn.Conv2d:
    """A convolution with some of the channels; arguments as of `prune_channels`."""
    weight = old.weight[rows][:, columns].contiguous(memory_format=torch.channels_last)
    made = nn.Conv2d(len(columns) * groups, len(rows), old.kernel_size, old.stride, old.padding, old.dilation, groups,
                     bias=old.bias is not None, padding_mode=old.padding_mode, device=weight.device)
    made.weight = nn.Parameter(weight, requires_grad=old.weight.requires_grad)
    if old.bias is not None:
        made.bias = nn.Parameter(old.bias[rows], requires_grad=old.bias.requires_grad)
    return made


def pruned_norm(old: nn.BatchNorm2d, rows: Tensor) -> nn.BatchNorm2d:
    """BN of some of the channels."""
    made = nn.BatchNorm2d(len(rows), old.eps, old.momentum, device=old.running_mean.device)
    made.load_state_dict({key: value[rows] if value.ndim else value for key, value in old.state_dict().items()})
    for new, kept in zip(made.parameters(), old.parameters(), strict=True):
        new.requires_grad_(kept.requires_grad)
    return made
