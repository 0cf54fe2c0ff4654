"""Taking a residual block out of a network."""

from torch import nn


def drop_block(net: nn.Module, path: str) -> None:
    """Let the module at `path`, (N, C, H, W) -> the same shape, pass its input on, in place."""
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, nn.Identity())
