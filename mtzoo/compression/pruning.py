"""Taking channels out of a network for real."""


import torch
from torch import Tensor, nn

from mtzoo.compression.blocks import Removed, removed_blocks
from mtzoo.graph import Call, Program, drop_block, read_program
from mtzoo.graph.channels import result_channels
from mtzoo.layers import ConvBNAct, prune_channels


def kept_channels(program: Program, removed: Removed) -> dict[str, Tensor]:
    """Result -> (C,) bool, which of its channels are still there."""
    def own(call: Call) -> list[bool]:
        gone = removed.get(call.name, ())
        return [i not in gone for i in range(call.module.conv.out_channels)]

    return {name: torch.tensor(kept, dtype=torch.bool) for name, kept in result_channels(program, own, True).items()}


def prune(net: nn.Module, removed: Removed) -> None:
    """Remove channels from a float network, in place: what is left computes as if the others gave 0.

    removed: whole units of `mtzoo.compression.channels`; with all that is inside of a residual block goes the block, what it would
    still add, too. Raises ValueError for channels that cannot go alone.
    """
    for block in removed_blocks(read_program(net), removed):
        drop_block(net, block.name)
    program = read_program(net)
    kept = kept_channels(program, removed)
    for call in program.convs:
        prune_call(call.module, kept[call.inputs[0]], kept[call.name])
        if call.skip is not None and not torch.equal(kept[call.skip], kept[call.name]):
            raise ValueError(f"'{call.name}': its channels and those of its skip '{call.skip}' go together")


def prune_call(layer: ConvBNAct, inputs: Tensor, outputs: Tensor) -> None:
    """Keep the marked channels of a layer, in place. inputs: (C_in,) bool; outputs: (C_out,) bool."""
    groups = layer.conv.groups
    if groups == 1:
        prune_channels(layer, outputs.nonzero().flatten(), inputs.nonzero().flatten(), 1)
        return
    members, counts = inputs.view(groups, -1), outputs.view(groups, -1).sum(1)
    alive = members.any(1)
    if not torch.equal(alive, members.all(1)) or not torch.equal(alive, counts > 0) or counts[alive].unique().numel() > 1:
        raise ValueError("the inputs of a group go together with its outputs, and each group keeps as many of these")
    prune_channels(layer, outputs.nonzero().flatten(), torch.arange(members.shape[1]), int(alive.sum()))
