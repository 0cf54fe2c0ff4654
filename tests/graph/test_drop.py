import torch
from torch import Tensor, nn

from mtzoo.graph import drop_block


class Owner(nn.Module):
    """Runs what is inside of its blocks by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Module()
        self.stage.block = nn.Module()
        self.stage.block.double = nn.Identity()
        self.runs = ["double"]

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 ** len(self.runs)

    def drop_block(self, path: str) -> None:
        assert path == "stage.block"
        self.runs.clear()


def test_a_block_passes_its_input_on() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    drop_block(net, "1.0")
    x = torch.randn(1, 2)
    assert torch.equal(net(x), net[0](x))


def test_a_module_that_runs_its_leaves_itself_is_asked() -> None:
    net = nn.Sequential(Owner())
    drop_block(net, "0.stage.block")
    assert net(torch.ones(1)).item() == 1
    assert isinstance(net[0].stage.block, nn.Identity)
