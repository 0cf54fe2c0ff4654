"""Boxes as ONNX: from what a network says at a location to pixels of its input, and from these to pixels of the original image.

T tasks, k candidates of each. Equal to `mtzoo.ops.boxes` and `mtzoo.ops.geometry`.
"""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from mtzoo.deploy.builder import Scope
from mtzoo.deploy.info import CROP_XY, IM_HW
from mtzoo.ops.box_maps import RAW_LIMIT
from mtzoo.ops.geometry import DeployGeometry

Levels = Sequence[tuple[int, int, int]]
"""(stride, h, w) of each, finest first."""


def decoded_boxes(b: Scope, raw: str, locations: str, levels: Levels, input_hw: tuple[int, int]) -> str:
    """Raw distances (T, k, 4) at location indices (T, k) float -> boxes (T, k, 4) xyxy in input pixels, clipped to the input."""
    centers, strides = _centers(b, locations, levels)
    clamped = b.op("Clip", [raw, b.float(-RAW_LIMIT), b.float(RAW_LIMIT)], "raw_clamped")
    distances = b.op("Mul", [b.op("Exp", [clamped], "exp"), strides], "distances")  # left, top, right, bottom
    signs = b.constant(np.array([-1, -1, 1, 1], dtype=np.float32))
    boxes = b.op("Add", [centers, b.op("Mul", [distances, signs], "offsets")], "boxes_free")
    height, width = input_hw
    limit = b.constant(np.array([width, height, width, height], dtype=np.float32))
    return b.op("Min", [b.op("Max", [boxes, b.float(0)], "boxes_positive"), limit], "boxes_input")


def _centers(b: Scope, locations: str, levels: Levels) -> tuple[str, str]:
    """Location indices (T, k) float -> (cell centres (T, k, 4) x, y, x, y in input pixels, strides (T, k, 1)).

    Computed, since tables of every location would make a tenth of the file. Exact: small integers in float32.
    """
    starts = np.cumsum([0, *(h * w for _, h, w in levels)])
    table = [[start, width, stride] for start, (stride, _, width) in zip(starts, levels)]
    column = b.op("Unsqueeze", [locations, b.integers(2)], "location_column")  # (T, k, 1)
    reached = b.op("GreaterOrEqual", [column, b.constant(starts[:-1].astype(np.float32))], "reached_level")  # (T, k, levels)
    steps = b.constant(np.diff(np.array([[0, 0, 0], *table], dtype=np.float32), axis=0))  # (levels, 3)
    reached = b.op("Unsqueeze", [b.op("Cast", [reached], "reached_level_f", to=TensorProto.FLOAT), b.integers(3)], "reached_column")
    level = b.op("ReduceSum", [b.op("Mul", [reached, steps], "level_steps"), b.integers(2)], "level", keepdims=0)  # (T, k, 3)
    start, width, stride = b.split(level, (1, 1, 1), ("level_start", "level_width", "level_stride"), axis=2)
    cell = b.op("Sub", [column, start], "cell")
    y = b.op("Floor", [b.op("Div", [cell, width], "cell_y_exact")], "cell_y")
    x = b.op("Sub", [cell, b.op("Mul", [y, width], "cells_above")], "cell_x")
    corners = b.op("Concat", [x, y, x, y], "cell_xyxy", axis=2)
    return b.op("Mul", [b.op("Add", [corners, b.float(0.5)], "cell_middle"), stride], "centers"), stride


def original_boxes(b: Scope, boxes: str, geometry: DeployGeometry, tasks: int, images: int) -> str:
    """Boxes (T, k, 4) of input pixels -> original pixels, clipped to the original image. T: all images of a task, then of the next."""

    def by_box(values: str, name: str) -> str:
        """(images, n) -> (T, 1, n); of one image as it is, since that fits all."""
        if images == 1:
            return values
        of_tasks = b.op("Concat", [values] * tasks, f"{name}_of_tasks", axis=0)
        return b.op("Unsqueeze", [of_tasks, b.integers(1)], f"{name}_by_box")

    if geometry.window is not None:  # full resolution
        shift = b.op("Gather", [CROP_XY, b.integers(0, 1, 0, 1)], "crop_xyxy", axis=1)  # (images, 4)
        moved = b.op("Add", [boxes, by_box(shift, "crop_xyxy")], "boxes_original")
    else:
        ratios = b.op("Div", [b.constant(np.array([geometry.resized_hw], dtype=np.float32)), IM_HW], "ratios")  # (images, 2)
        scale = b.op("ReduceMin", [ratios], "scale", axes=[1], keepdims=1)  # (images, 1) input pixels per original pixel
        shift = b.constant(np.array([0, geometry.drop_top, 0, geometry.drop_top], dtype=np.float32))
        moved = b.op("Div", [b.op("Add", [boxes, shift], "boxes_resized"), by_box(scale, "scale")], "boxes_original")
    limit = b.op("Gather", [IM_HW, b.integers(1, 0, 1, 0)], "original_whwh", axis=1)  # (images, 4)
    return b.op("Min", [b.op("Max", [moved, b.float(0)], "boxes_above_0"), by_box(limit, "original_whwh")], "boxes_clipped")
