"""Load-time form of a deploy model that reads its image pixel by pixel (NHWC): four pixels of a row are one column of 12 channels.

A convolution of three channels leaves most of an int8 kernel empty. Read four pixels at a time, the image is a quarter as wide and
has 12 channels, without a byte being moved; the first convolution, of stride 2, gives two pixels at a time, and convolutions of
stride 2 that read those give one. The integer products are the same, in another order, and zeros.
"""

import math

import numpy as np
import onnx
from onnx import NodeProto, helper

from mtzoo.runtime.edit import GraphEdit, attribute, set_attributes

PIXELS = 4
"""Neighbours in a row that become one column of the image."""
TO_NCHW = (0, 3, 1, 2)
PER_VALUE = ("Relu", "Clip", "Mul", "Round")


def column_weight(weight: np.ndarray, groups: int, stride: int, left: int, pixels: int) -> tuple[np.ndarray, int]:
    """A convolution's weight (C_out, C_in / groups, kh, kw) for columns of `pixels` pixels, and the columns of zeros left of the map.

    left: zeros left of the map in pixels. The result is (pixels / stride * C_out, pixels * C_in, kh, columns); channels of a column are
    those of its first pixel, then of its next.
    """
    c_out, per_group, kh, kw = weight.shape
    written = pixels // stride
    places = [stride * p + k - left for p in range(written) for k in range(kw)]  # of the pixels that a column of the result reads
    first, last = min(places) // pixels, max(places) // pixels
    wide = np.zeros((written, c_out, pixels, groups, per_group, kh, last - first + 1), weight.dtype)
    group = np.arange(c_out) * groups // c_out
    for p in range(written):
        for k in range(kw):
            column, pixel = divmod(stride * p + k - left, pixels)
            wide[p, np.arange(c_out), pixel, group, :, :, column - first] = weight[:, :, :, k]
    return wide.reshape(written * c_out, pixels * groups * per_group, kh, last - first + 1), -first


def image_in_columns(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it that reads its NHWC image in columns, if its first convolutions and those behind them have int8 weights
    and stride 2."""
    edit = GraphEdit(model)
    found = _image_reader(edit)
    if found is None:
        return model
    transposed, height, width = found
    stems = edit.readers[transposed.output[0]]
    if not stems or not all(_fits(edit, stem, width, PIXELS) for stem in stems):
        return model
    followers = [_followers(edit, stem, width // 2) for stem in stems]
    if not all(followers):
        return model
    columns = f"{transposed.input[0]}.columns"
    shape = edit.store(f"{columns}.shape", np.array([1, height, width // PIXELS, 3 * PIXELS], np.int64))
    edit.insert_after(edit.made_by[transposed.input[0]], [helper.make_node("Reshape", [transposed.input[0], shape], [columns])])
    transposed.input[0] = columns
    for stem, readers in zip(stems, followers):
        _to_columns(edit, stem, PIXELS)
        for reader in readers:
            _to_columns(edit, reader, 2)
    return edit.finish()


def _image_reader(edit: GraphEdit) -> tuple[NodeProto, int, int] | None:
    """(the Transpose of the dequantized image, H, W)."""
    for node in edit.nodes:
        source = edit.made_by.get(node.input[0]) if node.op_type == "Transpose" and attribute(node, "perm") == TO_NCHW else None
        if source is None or source.op_type != "DequantizeLinear" or edit.sole_reader(source.output[0]) is not node:
            continue
        shape = edit.inputs.get(source.input[0], ())
        if len(shape) == 4 and shape[0] == 1 and shape[3] == 3 and shape[2] % PIXELS == 0 and shape[1] % 2 == 0:
            return node, shape[1], shape[2]
    return None


def _fits(edit: GraphEdit, node: NodeProto, width: int, pixels: int) -> bool:
    """Whether a node is a convolution of stride 2 with stored int8 weights of its own, whose result is half as wide as the map.

    Depthwise ones have kernels of their own, which are faster than any wider form.
    """
    if node.op_type != "Conv" or attribute(node, "strides") != (2, 2) or attribute(node, "dilations") not in (None, (1, 1)):
        return False
    parts = edit.stored_parts(node)
    if parts is None:
        return False
    weight = edit.stored[parts[0][0]]
    _, left, _, right = attribute(node, "pads") or (0, 0, 0, 0)
    halved = (width + left + right - weight.dims[3]) // 2 + 1 == width // 2
    return weight.dims[1] > 1 and halved and width % pixels == 0


def _to_columns(edit: GraphEdit, conv: NodeProto, pixels: int) -> None:
    """Let a convolution of stride 2 read columns of `pixels` pixels; it writes columns of half as many."""
    (weight, scale), *bias = edit.stored_parts(conv)
    top, left, bottom, _ = attribute(conv, "pads") or (0, 0, 0, 0)
    wide, zeros = column_weight(edit.value(weight), attribute(conv, "group") or 1, 2, left, pixels)
    edit.store(weight, wide)
    for name in (scale, *(name for names in bias for name in names)):
        edit.store(name, np.tile(edit.value(name), pixels // 2))
    kernel = wide.shape[2:]
    set_attributes(conv, kernel_shape=kernel, strides=(2, 1), group=1, pads=(top, zeros, bottom, kernel[1] - 1 - zeros))


def _followers(edit: GraphEdit, stem: NodeProto, width: int) -> list[NodeProto]:
    """The convolutions that read what a first one gives, if they all can read it in columns of two pixels; else none.

    width: of its map, in pixels. To put the pixels together for others would cost more than the columns win.
    """
    last = stem
    while last.op_type != "QuantizeLinear":
        reader = edit.sole_reader(last.output[0])
        if reader is None or not _is_per_value(edit, reader):
            return []
        last = reader
    readers = edit.readers[last.output[0]]
    convs = [reader for node in readers for reader in edit.readers[node.output[0]]]
    seen = {last.output[0], *(name for node in readers for name in node.output)} & edit.outputs
    if seen or not all(node.op_type == "DequantizeLinear" for node in readers):
        return []
    return convs if all(_fits(edit, conv, width, 2) for conv in convs) else []


def _is_per_value(edit: GraphEdit, node: NodeProto) -> bool:
    """Whether a node does the same to each value of its first input, whatever its place."""
    single = all(name in edit.stored and math.prod(edit.stored[name].dims) == 1 for name in node.input[1:])
    return node.op_type in (*PER_VALUE, "QuantizeLinear") and single
