"""What a network's integers say of its logits: how large they can be, and so what enlarging them to label maps needs."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.graph import Program, grids, read_program
from mtzoo.ops.grid import Grid
from mtzoo.postprocess import Decoder, LabelMapDecoder
from mtzoo.postprocess.label_map import logit_exponent
from mtzoo.quantization import integer_state
from mtzoo.quantization.integer import prove_exact


def exact_decoders(net: nn.Module, decoders: Mapping[str, Decoder]) -> dict[str, Decoder]:
    """The decoders, those of an integer network's logits with the `logit_exponent` that keeps their label maps exact.

    One and the same decision for the fake-quant network, whatever runs it, and for its deploy model. A network that is no
    integer network (in float, with live BN or float parts) gets them back as they are.
    """
    wanted = {task: decoder for task, decoder in decoders.items() if isinstance(decoder, LabelMapDecoder) and decoder.upsample > 1}
    if not wanted:
        return dict(decoders)
    try:
        state = integer_state(net)
        program = read_program(net)
        grid = grids(program, state)
        exponents = {task: logit_exponent(largest_integers(program, state, grid, program.outputs[task]["logits"]),
                                          grid[program.outputs[task]["logits"]].exponent, decoder.upsample)
                     for task, decoder in wanted.items()}
    except UserError:  # of no integer network yet
        return dict(decoders)
    return {task: replace(decoder, logit_exponent=exponents[task]) if task in wanted else decoder
            for task, decoder in decoders.items()}


def largest_integers(program: Program, state: Mapping[str, Tensor], grid: Mapping[str, Grid], name: str) -> Tensor:
    """(C,) float64, or () for 8-bit results: the largest |integer| that each channel of a convolution's result can be.

    Raises UserError where that is above 2^24.
    """
    own_grid = grid[name]
    if own_grid.low is not None:
        return torch.tensor(float(max(-own_grid.low, own_grid.high)), dtype=torch.float64)
    call = next(call for call in program.convs if call.name == name)
    source, skip = grid[call.inputs[0]], None if call.skip is None else grid[call.skip]
    own = source.exponent + state[f"{name}.weight_exponent"].int()
    return prove_exact(name, state[f"{name}.weight"], state[f"{name}.bias"], own=own, fine=own_grid.exponent, source=source, skip=skip)
