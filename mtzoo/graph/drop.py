"""Taking a residual block out of a network."""

from torch import nn


def drop_block(net: nn.Module, path: str) -> None:
    """Let the module at `path`, (N, C, H, W) -> the same shape, pass its input on, in place; an nn.Identity stands there
    afterwards.

    A module around it that runs its leaves itself, as a lowered network does, has a method `drop_block` for what is below it.
    """
    parts = path.split(".")
    for count in range(1, len(parts)):
        around = net.get_submodule(".".join(parts[:count]))
        if hasattr(around, "drop_block"):
            around.drop_block(".".join(parts[count:]))
            break
    setattr(net.get_submodule(".".join(parts[:-1])), parts[-1], nn.Identity())
