"""Zero-masking, which pruning has to equal, and random plans."""

import numpy as np
import torch
from torch import nn

from mtzoo.compression.blocks import Removed, removed_blocks
from mtzoo.compression.channels import ChannelGroup, removed_channels
from mtzoo.graph import read_program


@torch.no_grad()
def mask(net: nn.Module, removed: Removed) -> None:
    """Let channels of a float network with BN give 0, in place, and what a block adds of which nothing is left inside."""
    program = read_program(net)
    added = {name: range(net.get_submodule(name).conv.out_channels)
             for block in removed_blocks(program, removed) for name in block.adds}
    removed = {**removed, **added}
    for call in program.convs:
        layer = call.module
        for part in layer.norms or (layer.conv,):
            for parameter in (part.weight, part.bias):
                if parameter is not None:
                    parameter[list(removed.get(call.name, ()))] = 0


def random_choice(groups: list[ChannelGroup], seed: int) -> dict[str, int]:
    """Group -> one of its counts; about half of the groups stay whole."""
    rng = np.random.default_rng(seed)
    return {g.name: int(rng.choice(g.counts[1:])) for g in groups if rng.random() < 0.5}


def random_removal(groups: list[ChannelGroup], seed: int) -> Removed:
    return removed_channels(random_choice(groups, seed), groups)
