"""A 3x3 convolution that is trained as three parallel branches (RepVGG, arXiv 2101.03697)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.layers.activation import Activation
from mtzoo.layers.conv import ConvBNAct, norm_folded, pruned_conv, pruned_norm
from mtzoo.layers.conv_onnx import emit_conv
from mtzoo.layers.writer import Value, Writer


class RepConvBNAct(ConvBNAct):
    """y = quantize(activation(bn(conv3x3(x)) + bn(conv1x1(x)) + bn(x) + skip)); bn(x) only where it has the shape of the result.

    With the statistics of BN held fixed the sum of the branches is one 3x3 convolution. The branches run while BN collects statistics:
    in training without fake-quant. In evaluation, in files and under fake-quant, which has to see the weights that are deployed, the
    layer is that one convolution, made anew of the branches each time; what fake-quant trains are still their parameters.
    `fold_bn` puts the values into `conv` and takes the branches away: it is an ordinary ConvBNAct from then on.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, activation: Activation = "relu") -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, activation=activation)
        self.point = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        nn.init.kaiming_normal_(self.point.weight, mode="fan_out", nonlinearity="relu")
        self.point_bn = nn.BatchNorm2d(out_channels)
        self.identity_bn = nn.BatchNorm2d(out_channels) if stride == 1 and in_channels == out_channels else None

    @property
    def passes_input(self) -> bool:
        return self.identity_bn is not None

    @property
    def norms(self) -> tuple[nn.BatchNorm2d, ...]:
        return tuple(bn for bn in (self.bn, self.point_bn, self.identity_bn) if bn is not None)

    @property
    def kernel(self) -> Tensor:
        return self.conv.weight if self.bn is None else self.folded()[0].to(self.conv.weight.dtype)

    def folded(self) -> tuple[Tensor, Tensor]:
        """The sum of the branches: a 1x1 convolution is a 3x3 one with zeros around it, the identity a 1x1 one of 1 and 0."""
        parts = [super().folded(), norm_folded(F.pad(self.point.weight.double(), (1, 1, 1, 1)), None, self.point_bn)]
        if self.identity_bn is not None:
            identity = torch.eye(self.conv.in_channels, dtype=torch.float64, device=self.conv.weight.device)[..., None, None]
            parts.append(norm_folded(F.pad(identity, (1, 1, 1, 1)), None, self.identity_bn))
        weights, biases = zip(*parts)
        return sum(weights), sum(biases)

    def drop_norms(self) -> None:
        super().drop_norms()
        self.point = self.point_bn = self.identity_bn = None

    def prune_norms(self, rows: Tensor, columns: Tensor) -> None:
        """Raises ValueError where the identity branch would lose a channel on one side only."""
        if self.identity_bn is not None:
            if not torch.equal(rows, columns):
                raise ValueError("the inputs of a layer with an identity branch go together with its outputs")
            self.identity_bn = pruned_norm(self.identity_bn, rows)
        if self.point is not None:
            self.point, self.point_bn = pruned_conv(self.point, rows, columns, 1), pruned_norm(self.point_bn, rows)
        super().prune_norms(rows, columns)

    def accumulate(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if self.bn is None:
            return super().accumulate(x, skip)
        rounds = self.weight_quant is not None and self.weight_quant.enabled
        y = self._branches(x) if self.training and not rounds else self._merged(x)
        return self.add(y, skip)

    def _branches(self, x: Tensor) -> Tensor:
        y = self.bn(self.conv(x)) + self.point_bn(self.point(x))
        return y if self.identity_bn is None else y + self.identity_bn(x)

    def _merged(self, x: Tensor) -> Tensor:
        weight, bias = (value.to(self.conv.weight.dtype) for value in self.folded())
        if self.weight_quant is not None:
            weight = self.weight_quant(weight)
        return F.conv2d(x, weight, bias, self.conv.stride, self.conv.padding)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        return emit_conv(writer, name, self if self.bn is None else self._as_conv(), *reads)

    @torch.no_grad()
    def _as_conv(self) -> ConvBNAct:
        """The one convolution, with the layer's quantizers."""
        conv = self.conv
        made = ConvBNAct(conv.in_channels, conv.out_channels, 3, stride=conv.stride, activation=self.activation, bn=False)
        weight, bias = self.folded()
        made.conv.weight.copy_(weight)
        made.conv.bias.copy_(bias)
        made.weight_quant, made.conv_quant, made.act_quant = self.weight_quant, self.conv_quant, self.act_quant
        made.sources = self.sources
        return made
