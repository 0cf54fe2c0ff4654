"""TwinLiteNet (arXiv 2307.10705): drivable area and lanes of one light encoder, that of ESPNet (arXiv 1803.06815).

In ordinary PyTorch, with the names of the published state dict. Its channel attention divides by values of the image and has no exact
integer form: `fix_attention` takes the mean attention over some images in its place, see docs/foreign.md. Its position attention has
learnt the factor 0 and is left out.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-3
WIDTHS = (16, 64, 128)
ATTENDED = 32


class ConvNormAct(nn.Module):
    """Convolution, BN, PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, EPS)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class NormAct(nn.Module):
    """BN, PReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, EPS)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(x))


class PlainConv(nn.Module):
    """A convolution that keeps the size at stride 1."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2 * dilation, dilation, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Pyramid(nn.Module):
    """ESPNet's spatial pyramid: reduced channels, five dilations, sums of ever more of them joined."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        each = out_channels // 5
        self.c1 = PlainConv(in_channels, each, kernel, stride)
        self.d1 = PlainConv(each, out_channels - 4 * each, 3)
        self.d2 = PlainConv(each, each, 3, dilation=2)
        self.d4 = PlainConv(each, each, 3, dilation=4)
        self.d8 = PlainConv(each, each, 3, dilation=8)
        self.d16 = PlainConv(each, each, 3, dilation=16)

    def joined(self, x: Tensor) -> Tensor:
        reduced = self.c1(x)
        sums = [self.d2(reduced)]
        for dilated in (self.d4, self.d8, self.d16):
            sums.append(sums[-1] + dilated(reduced))
        return torch.cat([self.d1(reduced), *sums], 1)


class Down(Pyramid):
    """Halves the map."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 2)
        self.bn = nn.BatchNorm2d(out_channels, EPS)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.joined(x)))


class Block(Pyramid):
    """With a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 1, 1)
        self.bn = NormAct(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(x + self.joined(x))


class ChannelAttention(nn.Module):
    """x + gamma * attention(x) x over channels (arXiv 1809.02983). mixing: (C, C, 1, 1) 1 + gamma * attention for all images, once it
    is fixed; None before."""

    mixing: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.register_buffer("mixing", None)

    def attention(self, x: Tensor) -> Tensor:
        """(N, C, C)."""
        flat = x.flatten(2)
        energy = flat @ flat.transpose(1, 2)
        return torch.softmax(energy.amax(-1, keepdim=True) - energy, -1)

    def forward(self, x: Tensor) -> Tensor:
        if self.mixing is not None:
            return F.conv2d(x, self.mixing)
        return x + self.gamma * (self.attention(x) @ x.flatten(2)).reshape(x.shape)


class PositionAttention(nn.Module):
    """x itself: the published factor of its attention is -4e-20. Its tensors are read, so that the state dict fits."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.query_conv = nn.Conv2d(channels, channels // 8, 1)
        self.key_conv = nn.Conv2d(channels, channels // 8, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x


class Encoder(nn.Module):
    """Image -> 32 channels at stride 8. The image itself, shrunk, is joined at each stage."""

    def __init__(self, blocks: tuple[int, int] = (2, 3)) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.level1 = ConvNormAct(3, first, 3, 2)
        self.shrink = nn.AvgPool2d(3, 2, 1)
        self.b1 = ConvNormAct(first + 3, first + 3, 3)
        self.level2_0 = Down(first + 3, second)
        self.level2 = nn.ModuleList(Block(second) for _ in range(blocks[0]))
        self.b2 = ConvNormAct(2 * second + 3, 2 * second + 3, 3)
        self.level3_0 = Down(2 * second + 3, third)
        self.level3 = nn.ModuleList(Block(third) for _ in range(blocks[1]))
        self.b3 = ConvNormAct(2 * third, ATTENDED, 3)
        self.sa, self.sc = PositionAttention(ATTENDED), ChannelAttention()
        self.conv_sa, self.conv_sc = ConvNormAct(ATTENDED, ATTENDED, 3), ConvNormAct(ATTENDED, ATTENDED, 3)
        self.classifier = ConvNormAct(ATTENDED, ATTENDED, 1)

    def before_attention(self, image: Tensor) -> Tensor:
        half = self.shrink(image)
        x = self.b1(torch.cat([self.level1(image), half], 1))
        x = begun = self.level2_0(x)
        for block in self.level2:
            x = block(x)
        x = self.b2(torch.cat([x, begun, self.shrink(half)], 1))
        x = begun = self.level3_0(x)
        for block in self.level3:
            x = block(x)
        return self.b3(torch.cat([begun, x], 1))

    def forward(self, image: Tensor) -> Tensor:
        x = self.before_attention(image)
        return self.classifier(self.conv_sa(self.sa(x)) + self.conv_sc(self.sc(x)))


class Up(nn.Module):
    """Doubles the map: transposed convolution, BN, PReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(in_channels, out_channels, 2, 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, EPS)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.deconv(x)))


class TwinLiteNet(nn.Module):
    """Image (N, 3, H, W), RGB / 255, sides multiples of 8 -> {"drivable": (N, 2, H, W), "lane": (N, 2, H, W)}; channel 1 is the
    class."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.up_1_1, self.up_2_1, self.classifier_1 = Up(32, 16), Up(16, 8), Up(8, 2)
        self.up_1_2, self.up_2_2, self.classifier_2 = Up(32, 16), Up(16, 8), Up(8, 2)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.encoder(image)
        return {"drivable": self.classifier_1(self.up_2_1(self.up_1_1(x))), "lane": self.classifier_2(self.up_2_2(self.up_1_2(x)))}

    @torch.no_grad()
    def fix_attention(self, images: Iterable[Tensor]) -> None:
        """From now on the channel attention is its mean over `images` (N, 3, H, W)."""
        attention = [self.encoder.sc.attention(self.encoder.before_attention(image)).mean(0) for image in images]
        mean = torch.stack(attention).mean(0)
        self.encoder.sc.mixing = (torch.eye(len(mean)) + self.encoder.sc.gamma * mean)[:, :, None, None]


def load_twinlitenet(state: dict[str, Tensor]) -> TwinLiteNet:
    """The network of the published state dict, in evaluation mode."""
    net = TwinLiteNet()
    net.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return net.eval()
