"""Where the channels of a result come from."""

from collections.abc import Callable

from mtzoo.graph.program import Call, Program
from mtzoo.layers import ConvBNAct
from mtzoo.layers.leaf import T


def result_channels(program: Program, own: Callable[[Call], list[T]], fixed: T) -> dict[str, list[T]]:
    """Result -> an item for each of its channels. own: a convolution -> the items of its outputs; fixed: that of channels which no
    convolution makes, e.g. the image's."""
    found: dict[str, list[T]] = {}
    for call in program.calls:
        if isinstance(call.module, ConvBNAct):
            found[call.name] = own(call)
        else:
            found[call.name] = call.module.channels([found.get(name, []) for name in call.inputs], fixed)
    return found


def tied_channels(program: Program, channels: dict[str, list[T]], fixed: T) -> list[tuple[T, T]]:
    """Pairs that the leaves other than convolutions tie, and each channel of an output with `fixed`; channels: of `result_channels`."""
    ties = [pair for call in program.calls if not isinstance(call.module, ConvBNAct)
            for pair in call.module.ties([channels.get(name, []) for name in call.inputs], fixed)]
    return ties + [(channel, fixed) for maps in program.outputs.values() for name in maps.values() for channel in channels[name]]
