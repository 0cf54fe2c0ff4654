"""Load-time form of a deploy model: maps that are rounded to 8 bits and put side by side are put side by side first.

Class and box maps of detection heads, each on a grid of its own, then are one convolution for each level (`mtzoo.runtime.joined`), and
one pass over all of them rounds and clamps in float32. The values are the same: scales are powers of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, helper

from mtzoo.ops.exact import is_power_of_two
from mtzoo.runtime.edit import GraphEdit

PATH = (("DequantizeLinear", "QuantizeLinear", "Conv"), ("DequantizeLinear", "QuantizeLinear", "Mul", "Round", "Mul", "Conv"))
"""From a map back to its convolution; the longer one of a layer that rounds by operators of its own, see `mtzoo.layers.conv_onnx`."""


@dataclass(frozen=True)
class _RoundedMap:
    """path: the operators from the map back to the convolution, which is left out; ends: the smallest and the largest integer."""

    path: tuple[NodeProto, ...]
    conv: NodeProto
    channels: int
    scale: float
    ends: tuple[int, int]


def round_behind_concat(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it in which the maps of a Concat of channels are rounded behind it, where nothing else reads them."""
    edit, changed = GraphEdit(model), False
    for concat in edit.concats_of_channels():
        maps = [_rounded_map(edit, name) for name in concat.input]
        if None not in maps and len({one.ends for one in maps}) == 1:
            _move(edit, concat, maps)
            changed = True
    return edit.finish() if changed else model


def _rounded_map(edit: GraphEdit, name: str) -> _RoundedMap | None:
    """None for what is no rounded map of a convolution with stored integers, has another scale, or is read elsewhere."""
    path, node = [], edit.made_by.get(name)
    while node is not None and edit.sole_reader(node.output[0]) is not None and node.op_type != "Conv":
        path.append(node)
        node = edit.made_by.get(node.input[0])
    kinds = (*(step.op_type for step in path if step.op_type != "Identity"), "Conv")
    if node is None or node.op_type != "Conv" or edit.sole_reader(node.output[0]) is None or kinds not in PATH:
        return None
    weight = edit.made_by.get(node.input[1])
    stores = next(step for step in path if step.op_type == "DequantizeLinear").input[1:]
    if weight is None or weight.op_type != "DequantizeLinear" or not all(part in edit.stored for part in stores):
        return None
    scale, zero = (edit.value(part) for part in stores)
    if scale.size != 1 or not is_power_of_two(float(scale)) or zero != 0:
        return None
    range_of = np.iinfo(zero.dtype)
    return _RoundedMap(tuple(path), node, edit.stored[weight.input[0]].dims[0], float(scale), (range_of.min, range_of.max))


def _move(edit: GraphEdit, concat: NodeProto, maps: Sequence[_RoundedMap]) -> None:
    result = concat.output[0]
    steps = np.repeat([one.scale for one in maps], [one.channels for one in maps]).astype(np.float32).reshape(1, -1, 1, 1)
    for one in maps:
        for node in one.path:
            edit.remove(node)
    del concat.input[:], concat.output[:]
    concat.input.extend(one.conv.output[0] for one in maps)
    concat.output.append(f"{result}.sums")
    low, high = maps[0].ends
    stored = {"to_steps": 1 / steps, "step": steps, "low": np.float32(low), "high": np.float32(high)}
    to_steps, step, *ends = (edit.store(f"{result}.{name}", np.asarray(value)) for name, value in stored.items())
    edit.insert_after(concat, [
        helper.make_node("Mul", [concat.output[0], to_steps], [f"{result}.in_steps"]),
        helper.make_node("Round", [f"{result}.in_steps"], [f"{result}.whole"]),
        helper.make_node("Clip", [f"{result}.whole", *ends], [f"{result}.integers"]),
        helper.make_node("Mul", [f"{result}.integers", step], [result]),
    ])
