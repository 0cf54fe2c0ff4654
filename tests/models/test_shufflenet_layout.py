"""Megvii's ShuffleNetV2, written as its authors do, against torchvision's with its weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.models import Torchvision
from mtzoo.structures import FeatureSpec
from tests.lowering.parity import trained

IMAGE = [FeatureSpec(3, 1, "image")]
FILE = Path(__file__).resolve().parents[3] / "shared" / "weights" / "fastestdet" / "shufflenetv2.pth"


def point(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]


def depth(channels: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


class Block(nn.Module):
    """Every second channel passes by."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        middle, made = outputs // 2, outputs - inputs
        self.branch_main = nn.Sequential(*point(inputs, middle), nn.ReLU(), *depth(middle, stride), *point(middle, made), nn.ReLU())
        if stride == 2:
            self.branch_proj = nn.Sequential(*depth(inputs, 2), *point(inputs, inputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        if hasattr(self, "branch_proj"):
            return torch.cat([self.branch_proj(x), self.branch_main(x)], 1)
        n, c, h, w = x.shape
        passing, read = x.reshape(n, c // 2, 2, h, w).unbind(2)
        return torch.cat([passing, self.branch_main(read)], 1)


class ShuffleNet(nn.Module):
    def __init__(self, widths: tuple[int, ...] = (48, 96, 192)) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU())
        for stage, inputs, outputs, repeats in zip((2, 3, 4), (24, *widths), widths, (4, 8, 4)):
            later = [Block(outputs // 2, outputs, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{stage}", nn.Sequential(Block(inputs, outputs, 2), *later))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = nn.functional.max_pool2d(self.first_conv(x), 3, 2, 1)
        features = []
        for stage in (self.stage2, self.stage3, self.stage4):
            x = stage(x)
            features.append(x)
        return features


@pytest.fixture(scope="module")
def original() -> nn.Module:
    torch.manual_seed(0)
    return trained(ShuffleNet())


def backbone(weights: Path, *features: str) -> Torchvision:
    return Torchvision(IMAGE, name="shufflenet_v2_x0_5", features=list(features), weights=str(weights)).eval()


@torch.no_grad()
def test_the_same_channels_come_out_in_another_order(original: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "megvii.pth"
    torch.save(original.state_dict(), path)
    net = backbone(path, "stage2", "stage3", "stage4")
    net.load_published(*net.published_weights(str(path))[::2])
    x = torch.rand(1, 3, 128, 96)
    for got, wanted in zip(net(x), original(x), strict=True):
        got, wanted = (maps[0][maps[0].mean((1, 2)).argsort()] for maps in (got, wanted))
        assert wanted.std() > 0
        assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@torch.no_grad()
def test_its_image_is_bgr_over_255(original: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "megvii.pth"
    torch.save(original.state_dict(), path)
    net = backbone(path, "conv1")
    net.start_from_published()
    x = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    torch.testing.assert_close(net(normalize_image(x))[0][..., 1:, 1:], original.first_conv(x / 255)[..., 1:, 1:], atol=1e-5, rtol=1e-5)


def test_other_widths_are_another_network(tmp_path: Path) -> None:
    path = tmp_path / "wide.pth"
    torch.save(ShuffleNet((116, 232, 464)).state_dict(), path)
    net = Torchvision(IMAGE, name="shufflenet_v2_x1_0", features=["stage2"], weights=str(path))
    with pytest.raises(UserError, match="24 channels beside 92 in stage 2, .* only those of width 0.5"):
        net.start_from_published()


def test_what_is_missing_or_of_another_shape_is_told(original: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    state = original.state_dict()
    torch.save({name: value for name, value in state.items() if not name.startswith("stage3.0.branch_proj.2")}, path)
    with pytest.raises(UserError, match="bad.pth': no stage 3 of ShuffleNetV2"):
        backbone(path, "stage2").start_from_published()
    torch.save({**state, "stage2.1.branch_main.0.weight": torch.ones(24, 7, 1, 1)}, path)
    with pytest.raises(UserError, match=r"bad.pth: stage2.1.branch2.0.weight has shape \(24, 7, 1, 1\)"):
        backbone(path, "stage2").start_from_published()
    torch.save(state, path)
    with pytest.raises(UserError, match="bad.pth: 5 of .* tensors are missing: conv5"):
        backbone(path, "conv5").start_from_published()


def test_the_file_that_is_published_loads() -> None:
    if not FILE.is_file():
        pytest.skip(f"{FILE} is not there")
    net = backbone(FILE, "stage2", "stage3", "stage4")
    before = net.get_submodule("stage4.3.branch2.0").conv.weight.clone()
    assert str(FILE) in net.start_from_published()
    assert not torch.equal(net.get_submodule("stage4.3.branch2.0").conv.weight, before)
