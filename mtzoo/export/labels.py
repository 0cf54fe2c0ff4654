"""Segmentation post-processing as ONNX: logits -> label map. Equal to `mtzoo.postprocess.label_map`.

Bilinear enlargement by a power of two is a fixed 3x3 filter for each position that a fine cell can have within its coarse one.
Each position is filtered and decided by itself, and the labels are interleaved. At x2 OpenVINO takes half the time of a Resize of
the logits, whose floats are four bytes a class; at x8 as much and at x16, with 256 positions, two thirds. A Resize would have
all classes of all pixels in memory besides. The filters' weights are dyadic, so the sums are exact.
"""

import numpy as np
from onnx import TensorProto

from mtzoo.export.builder import GraphBuilder
from mtzoo.postprocess import LabelMapDecoder

Shape = tuple[int, int, int, int]


def phase_filters(upsample: int) -> np.ndarray:
    """(upsample, 3): weights of the cells before, at and after, for each fine position within a coarse cell.

    Half-pixel bilinear: position p lies (p + 0.5) / upsample - 0.5 cells from the middle of its coarse cell.
    """
    offset = (np.arange(upsample) + 0.5) / upsample - 0.5
    return np.stack([np.maximum(-offset, 0), 1 - np.abs(offset), np.maximum(offset, 0)], axis=1).astype(np.float32)


def emit_label_map(builder: GraphBuilder, task: str, logits: str, shape: Shape, decoder: LabelMapDecoder) -> str:
    """Write the label map of `logits`, which have `shape` (N, K, h, w). Returns "<task>.labels", uint8.

    The output is (N, 1, h * upsample, w * upsample): argmax over classes, the lowest among equals.
    """
    b, name, up = builder, f"{task}.labels", decoder.upsample
    n, _, height, width = shape
    if decoder.logit_exponent is not None:  # argmax does not see the scale
        logits = b.op("Round", [b.op("Mul", [logits, b.float(2.0**-decoder.logit_exponent)])], f"{name}.rounded")
    if up == 1:
        planes = [_argmax(b, logits, shape, f"{name}.plane")]
    else:
        planes = [_argmax(b, plane, shape, plane) for plane in _phases(b, logits, shape[1], up, name)]
        planes = [b.op("Concat", planes, f"{name}.planes", {"axis": 1})]  # (N, up * up, h * w)
        planes = [b.op("Reshape", [planes[0], b.integers(n, up, up, height, width)], f"{name}.positions")]
        planes = [b.op("Transpose", planes, f"{name}.interleaved", {"perm": [0, 3, 1, 4, 2]})]  # (N, h, up, w, up)
    b.op("Reshape", [planes[0], b.integers(n, 1, height * up, width * up)], name)
    b.add_output(name, np.uint8, (n, 1, height * up, width * up))
    return name


def _phases(b: GraphBuilder, logits: str, classes: int, upsample: int, name: str) -> list[str]:
    """The enlarged logits as upsample^2 maps (N, K, h, w), one per position, row by row."""
    padded = b.op("Pad", [logits, b.integers(0, 0, 1, 1, 0, 0, 1, 1)], f"{name}.padded", {"mode": "edge"})
    filters, maps = phase_filters(upsample), []
    for i, vertical in enumerate(filters):
        for j, horizontal in enumerate(filters):
            weight = np.broadcast_to(np.outer(vertical, horizontal), (classes, 1, 3, 3))
            maps.append(b.op("Conv", [padded, b.constant(weight)], f"{name}.position_{i}_{j}",
                             {"group": classes, "kernel_shape": [3, 3]}))
    return maps


def _argmax(b: GraphBuilder, logits: str, shape: Shape, name: str) -> str:
    """(N, 1, h * w) uint8. On rows rather than maps: OpenVINO keeps maps channels-last, where its argmax is 8 times slower."""
    n, classes, height, width = shape
    rows = b.op("Reshape", [logits, b.integers(n, classes, height * width)], f"{name}.rows")
    best = b.op("ArgMax", [rows], f"{name}.best", {"axis": 1, "keepdims": 1})
    return b.op("Cast", [best], f"{name}.uint8", {"to": TensorProto.UINT8})
