"""Latency of a network on a target that is not at hand, from its profile.

A ranking, not a clock: every operator takes time for its arithmetic, for the values it reads and writes, and a fixed overhead; they are
summed, for small layers neither hides the other. What is fused, cached or padded differently is not known to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from mtzoo.compression.hardware_profile import LEAF_KINDS, STEM, HardwareProfile
from mtzoo.errors import UserError
from mtzoo.graph import Call, Program, read_program, result_shapes
from mtzoo.layers import Leaf

BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
CONV, IMAGE = "conv", "image"
"""The `latency_kind` of leaves that are none of LEAF_KINDS."""
OUTPUT = "output"
"""What post-processing does to an output: it reads it once, in float."""


@dataclass(frozen=True)
class Operator:
    """What a layer, or post-processing, has to do. kind: CONV, IMAGE, OUTPUT or one of LEAF_KINDS; moved: values read, without a skip,
    and written; made: those written; conv: of a convolution; skip: whether it adds one; stem: whether the convolution is a stem."""

    kind: str
    moved: int
    made: int
    conv: nn.Conv2d | None = None
    skip: bool = False
    stem: bool = False


def predict_latency(net: nn.Module, input_hw: tuple[int, int], profile: HardwareProfile, precision: str,
                    sparsity: float = 0.0) -> float:
    """Milliseconds of one image (1, 3, H, W). sparsity: share of zero weights in the 1x1 convolutions.

    Raises UserError naming a layer whose kind is not known.
    """
    return 1e3 * sum(operator_seconds(operator, profile, precision, sparsity) for operator in read_operators(net, input_hw))


def read_operators(net: nn.Module, input_hw: tuple[int, int]) -> list[Operator]:
    """What a network has to do for one image, layer by layer, outputs last. Raises UserError naming a layer whose kind is not known."""
    program = read_program(net)
    values = {name: prod(shape) for name, shape in result_shapes(net, input_hw).items()}
    operators, stems = [], {call.name for call in stems_of(program)}
    for call in program.calls:
        kind, made = leaf_kind(call.module), values[call.name]
        conv = call.module.conv if kind == CONV else None
        moved = sum(values[name] for name in call.inputs) + made
        operators.append(Operator(kind, moved, made, conv, call.skip is not None, call.name in stems))
    return operators + [Operator(OUTPUT, values[name], 0) for maps in program.outputs.values() for name in maps.values()]


def operator_seconds(operator: Operator, profile: HardwareProfile, precision: str, sparsity: float = 0.0) -> float:
    """sparsity: share of zero weights in 1x1 convolutions. A kind that was not measured takes what its bytes take to be copied."""
    overhead, bandwidth = profile.overhead_us * 1e-6, profile.bandwidth_gb_s * 1e9
    if operator.kind == CONV:
        return overhead + _conv_seconds(operator, profile, precision, sparsity)
    if operator.kind == IMAGE:
        rate = profile.image_gvalues_s.get(precision)
        return overhead if rate is None else overhead + operator.made / (rate * 1e9)
    if operator.kind == OUTPUT:
        return overhead + operator.moved * BYTES["fp32"] / bandwidth
    rate = profile.leaf_gvalues_s.get(precision, {}).get(operator.kind)
    return overhead + (operator.moved / (rate * 1e9) if rate is not None else operator.moved * BYTES[precision] / bandwidth)


def unmeasured_kinds(programs: Iterable[Program], profile: HardwareProfile) -> list[str]:
    """The kinds of the programs' layers that the profile has no rate for: STEM, LEAF_KINDS."""
    programs = list(programs)
    used = {leaf_kind(call.module) for program in programs for call in program.calls}
    if any(stems_of(program) for program in programs):
        used.add(STEM)
    return [kind for kind in profile.unmeasured() if kind in used]


def unmeasured_line(name: str, kinds: Sequence[str]) -> str:
    """The note on a profile without rates for some kinds of layers. name: that of the profile."""
    others = [kind for kind in kinds if kind != STEM]
    missing = ["no rates for stems, which are predicted as fast as other convolutions"] if STEM in kinds else []
    if others:
        missing.append(f"no leaf_gvalues_s for layers of kind {', '.join(others)}, which are predicted as fast as bandwidth_gb_s")
    return f"{name}: {'; '.join(missing)}. `mtzoo hardware --calibrate` measures them"


def leaf_kind(leaf: Leaf) -> str:
    """CONV, IMAGE or one of LEAF_KINDS. Raises UserError naming the class that states none of them, and its file."""
    kind, cls = getattr(leaf, "latency_kind", None), type(leaf)
    if kind not in (CONV, IMAGE, *LEAF_KINDS):
        raise UserError(f"{cls.__name__} has latency_kind {kind!r}, which is not one of {', '.join((CONV, *LEAF_KINDS))}; "
                        f"state one in its class in {cls.__module__.replace('.', '/')}.py")
    return kind


def stems_of(program: Program) -> list[Call]:
    """The convolutions of one group that read the image."""
    images = {call.name for call in program.calls if leaf_kind(call.module) == IMAGE}
    return [call for call in program.calls
            if leaf_kind(call.module) == CONV and call.module.conv.groups == 1 and images.intersection(call.inputs)]


def kind_of(conv: nn.Conv2d) -> str:
    """One of `hardware_profile.KINDS`, by the shape of its weights."""
    if conv.groups > 1:
        return "depthwise" if conv.groups == conv.in_channels else "group"
    return "pointwise" if conv.kernel_size == (1, 1) else "dense"


def _conv_seconds(operator: Operator, profile: HardwareProfile, precision: str, sparsity: float) -> float:
    conv = operator.conv
    kind = STEM if operator.stem and STEM in profile.throughput_gmac_s[precision] else kind_of(conv)
    per_group = [channels // conv.groups for channels in (conv.in_channels, conv.out_channels)]
    if kind not in ("depthwise", STEM):  # there the vector runs over the groups; a stem's rate is that of three channels
        per_group = [_aligned(channels, profile.channel_alignment) for channels in per_group]
    macs = prod(per_group) * conv.groups * prod(conv.kernel_size) * (operator.made // conv.out_channels)
    rate = profile.throughput_gmac_s[precision][kind] * 1e9
    if kind == "pointwise":
        rate *= 1 + (profile.sparse_speedup.get(precision, 1.0) - 1) * min(1.0, sparsity / profile.sparse_ratio)
    seconds = macs / rate + operator.moved / (profile.conv_gvalues_s[precision][kind] * 1e9)
    return seconds + operator.made / (profile.skip_gvalues_s[precision] * 1e9) if operator.skip else seconds


def _aligned(channels: int, multiple: int) -> int:
    return -(-channels // multiple) * multiple
