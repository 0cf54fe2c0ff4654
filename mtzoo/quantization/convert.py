"""From the network of step 2, or from its stored integers, to the integer network of step 3."""

from torch import nn

from mtzoo.graph import IMAGES, Program, grids, read_program, rounded_before_skip
from mtzoo.layers import IMAGE_GRID, ConvBNAct
from mtzoo.quantization.integer import IntegerConv, IntegerLeaf, IntegerNet
from mtzoo.quantization.state import IntegerState, integer_state


def convert(net: nn.Module) -> IntegerNet:
    """Make the integer network whose raw outputs equal those of a fake-quant network.

    Args:
        net: A network without BN, prepared and calibrated or trained, with power-of-two scales.

    Raises:
        UserError: A layer is not ready, or a channel breaks the 2^24 bound. The message names it.
    """
    return build_integer_net(read_program(net), integer_state(net))


def build_integer_net(program: Program, state: IntegerState) -> IntegerNet:
    """Make an integer network from stored integers.

    Args:
        program: The layer calls of the float network (`mtzoo.graph.read_program`).
        state: The integers (`integer_state`).

    Raises:
        UserError: The integers do not belong to the network, or break the 2^24 bound.
    """
    grid = {IMAGES: IMAGE_GRID, **grids(program, state)}
    steps = {}
    for call in program.calls:
        if isinstance(call.module, ConvBNAct):
            steps[call.name] = IntegerConv(call.name, call.module, state[f"{call.name}.weight"], state[f"{call.name}.bias"],
                                           weight_exponent=state[f"{call.name}.weight_exponent"], source=grid[call.inputs[0]],
                                           skip=None if call.skip is None else grid[call.skip], output=grid[call.name],
                                           rounded=rounded_before_skip(call, state))
        else:
            steps[call.name] = IntegerLeaf(call.name, call.module, [grid[name] for name in call.inputs], grid[call.name])
    return IntegerNet(program, steps)
