"""Load-time form of a deploy model: convolutions of one map whose results are put side by side at once are one convolution.

So are the classes and the boxes of a detection head at each of its levels: half as many calls for the same integers.
"""

import numpy as np
import onnx
from onnx import NodeProto

from mtzoo.runtime.edit import GraphEdit, attribute


def join_neighbours(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it in which neighbours in a Concat of channels are one int8 convolution, where nothing else reads them."""
    edit, changed = GraphEdit(model), False
    for concat in edit.concats_of_channels():
        convs = [_conv(edit, name) for name in concat.input]
        for first in reversed(range(len(convs) - 1)):
            if _alike(convs[first], convs[first + 1]):
                _join(edit, concat, first, convs[first], convs[first + 1])
                convs.pop(first + 1)
                changed = True
    return edit.finish() if changed else model


def _conv(edit: GraphEdit, name: str) -> NodeProto | None:
    """The convolution whose result a tensor is; None if anything but this Concat reads it, or its integers."""
    node = edit.made_by.get(name)
    while node is not None and edit.sole_reader(node.output[0]) is not None:
        if node.op_type == "Conv":
            fits = len(node.input) == 3 and edit.stored_parts(node) is not None and attribute(node, "group") in (None, 1)
            return node if fits else None
        if node.op_type != "Identity":
            return None
        node = edit.made_by.get(node.input[0])
    return None


def _alike(one: NodeProto | None, other: NodeProto | None) -> bool:
    return (one is not None and other is not None and one.input[0] == other.input[0]
            and sorted(map(str, one.attribute)) == sorted(map(str, other.attribute)))


def _join(edit: GraphEdit, concat: NodeProto, place: int, conv: NodeProto, other: NodeProto) -> None:
    """Let the convolution at a place of the Concat give what the next one gives, too."""
    for own, further in zip(edit.stored_parts(conv), edit.stored_parts(other), strict=True):
        for name, more in zip(own, further, strict=True):
            edit.store(name, np.concatenate([edit.value(name), edit.value(more)]))
    rest = list(concat.input)
    unread = edit.made_by[rest.pop(place + 1)]
    while unread is not other:
        edit.remove(unread)
        unread = edit.made_by[unread.input[0]]
    for node in [other, *(edit.made_by[name] for name in other.input[1:])]:
        edit.remove(node)
    del concat.input[:]
    concat.input.extend(rest)
    if len(rest) == 1:
        concat.op_type = "Identity"
        del concat.attribute[:]
