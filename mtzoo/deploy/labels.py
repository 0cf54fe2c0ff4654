"""Segmentation post-processing as ONNX: logits -> label map. Equal to `mtzoo.postprocess.label_map`.

Bilinear enlargement by a power of two: between the middles of four cells lie upsample x upsample fine ones, each a sum of the four with
weights of its own. With borders as wide as a cell all of a map's corners are one row of memory, read from four places. So enlarging
is sums of rows, which every runtime computes in float32, also OpenVINO where it takes bf16 for convolutions and Resize. Fine cells are
decided a few positions at a time and then interleaved: all classes of all pixels are never in memory. The weights are whole numbers and
the scale is left out, so the sums are exact. 8-bit logits go through Round, although they are whole: behind DequantizeLinear alone,
OpenVINO (2026.4) moves the weights through the sums, in float32 that does not hold them.
"""

from dataclasses import dataclass, replace

import numpy as np
from onnx import TensorProto

from mtzoo.deploy.builder import GraphBuilder, Scope
from mtzoo.postprocess.decoders import LabelMapDecoder

Shape = tuple[int, int, int, int]


POSITIONS = 4
"""Positions of fine cells that one ArgMax decides."""


@dataclass(frozen=True)
class Logits:
    """tensor: (N, K f^2, h, w), floats or integers of one scale; factor: f, where the pixels of a cell are channels still, as in front
    of a PixelShuffle. Argmax does not see the scale, and it moves a quarter of the bytes in front of DequantizeLinear. step: the power
    of two that one step of 8-bit logits is worth; None for others."""

    tensor: str
    shape: Shape
    factor: int = 1
    step: float | None = None


def corner_weights(upsample: int) -> np.ndarray:
    """(upsample, 2): weights of the cells before and after, in steps of 1 / (2 upsample), for each fine cell between their middles."""
    after = 2 * np.arange(upsample) + 1
    return np.stack([2 * upsample - after, after], axis=1).astype(np.float32)


def emit_label_map(builder: GraphBuilder, task: str, logits: Logits, decoder: LabelMapDecoder) -> str:
    """Write the label maps of `logits`, which are enlarged as floats alone, and without a factor. Returns "<task>.labels", uint8.

    The output is (N, 1, h * factor * upsample, w * factor * upsample): argmax over classes, the lowest among equals. Image by image:
    these forms are fast because all cells of a class lie in one row.
    """
    name, (images, _, height, width), up = f"{task}.labels", logits.shape, decoder.upsample * logits.factor
    single = (1, *logits.shape[1:])
    if images == 1:
        _emit_one(Scope(builder, name), replace(logits, shape=single), decoder)
    else:
        parts = builder.split(logits.tensor, [1] * images, [f"{task}.image_{n}.logits" for n in range(images)], axis=0)
        maps = [_emit_one(Scope(builder, f"{task}.image_{n}.labels"), replace(logits, tensor=part, shape=single), decoder)
                for n, part in enumerate(parts)]
        builder.op("Concat", maps, name, {"axis": 0})
    builder.add_output(name, np.uint8, (images, 1, height * up, width * up))
    return name


def _emit_one(b: Scope, logits: Logits, decoder: LabelMapDecoder) -> str:
    """The label map of one image, under the scope's own name, which is returned."""
    tensor = logits.tensor
    step = logits.step if decoder.logit_exponent is None else 2.0**decoder.logit_exponent
    if decoder.upsample > 1:
        if step is not None:  # argmax does not see the scale
            tensor = b.op("Round", [b.op("Mul", [tensor, b.float(1 / step)], "steps")], "rounded")
        _enlarged(b, tensor, logits.shape, decoder.upsample)
        return b.name
    f, (_, channels, height, width) = logits.factor, logits.shape
    labels = _argmax(b, tensor, (1, channels // f**2, f**2 * height * width), "plane")
    if f > 1:
        labels = b.op("Transpose", [b.op("Reshape", [labels, b.integers(f, f, height, width)], "places")], "interleaved",
                      perm=[2, 0, 3, 1])
    b.builder.op("Reshape", [labels, b.integers(1, 1, height * f, width * f)], b.name)
    return b.name


def _enlarged(b: Scope, logits: str, shape: Shape, up: int) -> None:
    """The label map, of cells that have a border of one and a half cells too much, cut to size."""
    _, classes, height, width = shape
    rows, columns = height + 2, width + 2
    cells = rows * columns
    fine = _fine_cells(b, logits, classes, (rows, columns), up)
    labels = []
    for first in range(0, up * up, POSITIONS):
        name, some = f"positions_{first}", fine[first:first + POSITIONS]
        labels.append(_argmax(b, b.op("Concat", some, name, axis=0), (len(some), classes, cells), name))
    planes = b.op("Concat", labels, "planes", axis=0) if len(labels) > 1 else labels[0]
    planes = b.op("Reshape", [planes, b.integers(up, up, rows, columns)], "places")
    whole = b.op("Reshape", [b.op("Transpose", [planes], "interleaved", perm=[2, 0, 3, 1]), b.integers(1, 1, up * rows, up * columns)],
                 "whole")
    start = up // 2
    ends = [b.integers(start, start), b.integers(start + up * height, start + up * width), b.integers(2, 3)]
    b.builder.op("Slice", [whole, *ends], b.name)


def _fine_cells(b: Scope, logits: str, classes: int, size: tuple[int, int], up: int) -> list[str]:
    """up^2 rows (K * cells,) of enlarged logits, one for each place between four middles, row by row. size: rows and columns of cells.

    A class more than there is follows the last one, so that reading from a later place stays inside.
    """
    rows, columns = size
    map_size = classes * rows * columns
    planes = b.op("Reshape", [logits, b.integers(classes, rows - 2, columns - 2)], "classes")  # else OpenVINO pads them channels-last
    padded = b.op("Pad", [planes, b.integers(0, 1, 1, 1, 1, 1)], "padded", mode="edge")
    flat = b.op("Reshape", [padded, b.integers(-1)], "flat")
    left, right = (_part(b, flat, map_size + rows * columns, start, map_size + columns, f"{name}_corners")
                   for name, start in (("left", 0), ("right", 1)))
    weights, fine = corner_weights(up), {}
    for j, (before, after) in enumerate(weights):
        between = _sum(b, left, before, right, after, f"column_{j}")
        upper, lower = (_part(b, between, map_size + columns, start, map_size, f"{name}_{j}")
                        for name, start in (("upper", 0), ("lower", columns)))
        for i, (above, below) in enumerate(weights):
            fine[i, j] = _sum(b, upper, above, lower, below, f"position_{i}_{j}")
    return [fine[i, j] for i in range(up) for j in range(up)]


def _part(b: Scope, row: str, length: int, start: int, size: int, name: str) -> str:
    """`size` values of a row, from a place on."""
    sizes = {f"{name}_before": start, name: size, f"{name}_after": length - start - size}
    kept = {key: count for key, count in sizes.items() if count}
    return b.split(row, list(kept.values()), list(kept), axis=0)[list(kept).index(name)]


def _sum(b: Scope, one: str, weight: float, other: str, other_weight: float, name: str) -> str:
    return b.op("Add", [b.op("Mul", [one, b.float(weight)], f"{name}.first"), b.op("Mul", [other, b.float(other_weight)],
                                                                                   f"{name}.second")], name)


def _argmax(b: Scope, logits: str, shape: tuple[int, int, int], name: str) -> str:
    """(N, 1, cells) uint8 of logits of the shape (N, K, cells). On rows: of a map OpenVINO's argmax takes 8 times as long."""
    rows = b.op("Reshape", [logits, b.integers(*shape)], f"{name}.rows")
    best = b.op("ArgMax", [rows], f"{name}.best", axis=1, keepdims=1)
    return b.op("Cast", [best], f"{name}.uint8", to=TensorProto.UINT8)
