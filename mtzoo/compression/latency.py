"""Latency of a network on a target that is not at hand, from its profile.

A ranking, not a clock: every operator takes time for its arithmetic, for the values it reads and writes, and a fixed overhead; they are
summed, for small layers neither hides the other. What is fused, cached or padded differently is not known to it.
"""

from math import prod

from torch import nn

from mtzoo.compression.hardware_profile import HardwareProfile
from mtzoo.graph import Call, read_program, result_shapes
from mtzoo.layers import ConvBNAct

BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
Shape = tuple[int, ...]


def predict_latency(net: nn.Module, input_hw: tuple[int, int], profile: HardwareProfile, precision: str,
                    sparsity: float = 0.0) -> float:
    """Milliseconds of one image (1, 3, H, W). sparsity: share of zero weights in the 1x1 convolutions.

    Post-processing is counted as reading every output once in float.
    """
    program = read_program(net)
    values = {name: prod(shape) for name, shape in result_shapes(net, input_hw).items()}
    bandwidth, seconds, operators = profile.bandwidth_gb_s * 1e9, 0.0, 0
    for call in program.calls:
        moved = sum(values[name] for name in call.inputs) + values[call.name]
        if isinstance(call.module, ConvBNAct):
            seconds += _conv_seconds(call, moved, values[call.name], profile, precision, sparsity)
        elif call.module.latency_kind != "image":  # which costs its operator alone
            seconds += moved * BYTES[precision] / bandwidth
        operators += 1
    for name in (name for maps in program.outputs.values() for name in maps.values()):
        seconds += values[name] * BYTES["fp32"] / bandwidth
        operators += 1
    return 1e3 * (seconds + operators * profile.overhead_us * 1e-6)


def kind_of(conv: nn.Conv2d) -> str:
    """One of `hardware_profile.KINDS`."""
    if conv.groups > 1:
        return "depthwise" if conv.groups == conv.in_channels else "group"
    return "pointwise" if conv.kernel_size == (1, 1) else "dense"


def _conv_seconds(call: Call, moved: int, made: int, profile: HardwareProfile, precision: str, sparsity: float) -> float:
    """moved: values read and written; made: those written."""
    conv, kind = call.module.conv, kind_of(call.module.conv)
    per_group = [channels // conv.groups for channels in (conv.in_channels, conv.out_channels)]
    if kind != "depthwise":  # there the vector runs over the groups
        per_group = [_aligned(channels, profile.channel_alignment) for channels in per_group]
    macs = prod(per_group) * conv.groups * prod(conv.kernel_size) * (made // conv.out_channels)
    rate = profile.throughput_gmac_s[precision][kind] * 1e9
    if kind == "pointwise":
        rate *= 1 + (profile.sparse_speedup.get(precision, 1.0) - 1) * min(1.0, sparsity / profile.sparse_ratio)
    seconds = macs / rate + moved / (profile.conv_gvalues_s[precision][kind] * 1e9)
    return seconds if call.skip is None else seconds + made / (profile.skip_gvalues_s[precision] * 1e9)


def _aligned(channels: int, multiple: int) -> int:
    return -(-channels // multiple) * multiple
