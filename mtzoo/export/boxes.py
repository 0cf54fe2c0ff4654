"""Detection post-processing as ONNX: raw maps -> boxes in original pixels. Equal to `mtzoo.postprocess`.

L locations of all levels, k candidates (pre-NMS top-k), n rows of the output (top-k), K classes, S boxes NMS keeps.

Runtimes order equal scores differently, and scores of an integer network are often equal. So no operator here is asked to
order equals: where order matters, it is that of keys no two of which are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from onnx import TensorProto

from mtzoo.export.builder import GraphBuilder
from mtzoo.ops.boxes import RAW_LIMIT, box_strides
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess import BoxDecoder

IM_HW, CROP_XY = "im_hw", "crop_xy"
LOWEST = -1e30  # a score no network gives
FLOAT = {"to": TensorProto.FLOAT}
LAST = {"axes": [-1], "keepdims": 0}


@dataclass(frozen=True)
class Candidates:
    """k rows in the order of their locations: scores (k,) logits, LOWEST where below the threshold; classes (k,) int64;
    boxes (k, 4) xyxy in input pixels."""

    scores: str
    classes: str
    boxes: str


class BoxEmitter:
    """Writes one detection task's post-processing into a builder."""

    def __init__(self, builder: GraphBuilder, task: str, maps: Mapping[str, str],
                 shapes: Mapping[str, tuple[int, int, int, int]], decoder: BoxDecoder, geometry: DeployGeometry) -> None:
        """maps: "cls_s8" -> tensor; shapes: "cls_s8" -> (1, K, h, w)."""
        self.b, self.task, self.maps, self.shapes = builder, task, maps, shapes
        self.decoder, self.geometry = decoder, geometry
        self.strides = box_strides(maps)
        self.num_classes = shapes[f"cls_s{self.strides[0]}"][1]
        self.sizes = [shapes[f"cls_s{stride}"][2:] for stride in self.strides]
        self.locations = sum(h * w for h, w in self.sizes)
        self.k = min(decoder.pre_nms_top_k, self.locations)

    def emit(self) -> None:
        """From the raw maps to the four outputs "<task>.boxes", ".scores", ".classes", ".count"."""
        candidates = self._candidates()
        original = self._to_original(candidates.boxes)
        rank, chosen = self._rank(candidates.scores, self._nms(candidates), original)
        self._outputs(candidates, original, rank, chosen)

    def op(self, kind: str, inputs: list[str], name: str, **attributes: int | float | str | list[int]) -> str:
        return self.b.op(kind, inputs, f"{self.task}.post.{name}", attributes)

    def _levels(self, kind: str, channels: int) -> str:
        """(channels, L): the levels' maps in a row, finest first."""
        rows = [self.op("Reshape", [self.maps[f"{kind}_s{s}"], self.b.integers(channels, h * w)], f"{kind}_s{s}")
                for s, (h, w) in zip(self.strides, self.sizes)]
        return self.op("Concat", rows, kind, axis=1) if len(rows) > 1 else rows[0]

    def _candidates(self) -> Candidates:
        """The k locations of the best scores; among equals at the k-th place those that come first."""
        b, op = self.b, self.op
        logits, raw = self._levels("cls", self.num_classes), self._levels("box", 4)
        best = op("ReduceMax", [logits], "best", axes=[0], keepdims=0)  # (L,)
        floor = b.float(torch.logit(torch.tensor(self.decoder.score_threshold)).item())
        best = op("Where", [op("Greater", [best, floor], "above_floor"), best, b.float(LOWEST)], "scores")
        rows = self._first_largest(best)  # (k,)
        classes = op("ArgMax", [op("Gather", [logits, rows], "picked_logits", axis=1)], "picked_classes", axis=0, keepdims=0)
        raw = op("Transpose", [op("Gather", [raw, rows], "picked_raw", axis=1)], "raw_rows", perm=[1, 0])
        return Candidates(op("Gather", [best, rows], "picked_scores", axis=0), classes, self._decode(raw, rows))

    def _first_largest(self, scores: str) -> str:
        """(L,) -> (k,) rising indices of the k largest."""
        b, op = self.b, self.op
        values, _ = b.top_k(scores, self.k, f"{self.task}.post.largest")
        last = op("Gather", [values, b.integers(self.k - 1)], "kth_largest")  # (1,)
        larger = op("Cast", [op("Greater", [scores, last], "larger")], "larger_f", **FLOAT)
        equal = op("Cast", [op("Equal", [scores, last], "equal")], "equal_f", **FLOAT)
        room = op("Sub", [b.float(self.k), op("ReduceSum", [larger, b.integers(0)], "count_larger")], "room")
        place = op("Mul", [op("CumSum", [equal, b.constant(np.int64(0))], "place"), equal], "place_of_equals")
        fits = op("Mul", [op("Cast", [op("LessOrEqual", [place, room], "fits")], "fits_f", **FLOAT), equal], "equal_taken")
        taken = op("Add", [larger, fits], "taken")
        falling = b.constant(np.arange(self.locations, 0, -1, dtype=np.float32))
        keys, _ = b.top_k(op("Mul", [taken, falling], "location_keys"), self.k, f"{self.task}.post.locations")
        return op("Cast", [op("Sub", [b.float(self.locations), keys], "rows_f")], "rows", to=TensorProto.INT64)

    def _decode(self, raw: str, rows: str) -> str:
        """Raw distances (k, 4) -> boxes (k, 4) clipped to the input."""
        b, op = self.b, self.op
        centers, strides = self._centers(rows)
        clamped = op("Clip", [raw, b.float(-RAW_LIMIT), b.float(RAW_LIMIT)], "raw_clamped")
        distances = op("Mul", [op("Exp", [clamped], "exp"), strides], "distances")  # left, top, right, bottom
        signs = b.constant(np.array([-1, -1, 1, 1], dtype=np.float32))
        corners = op("Concat", [centers, centers], "centers_twice", axis=1)
        boxes = op("Add", [corners, op("Mul", [distances, signs], "offsets")], "boxes_free")
        height, width = self.geometry.input_hw
        limit = b.constant(np.array([width, height, width, height], dtype=np.float32))
        return op("Min", [op("Max", [boxes, b.float(0)], "boxes_positive"), limit], "boxes_input")

    def _centers(self, rows: str) -> tuple[str, str]:
        """Location indices (k,) -> (cell centres (k, 2) x, y in input pixels, strides (k, 1)).

        Computed, since tables of every location would make a tenth of the file. Exact: small integers in float32.
        """
        b, op = self.b, self.op
        starts = np.cumsum([0, *(h * w for h, w in self.sizes)])
        table = [[start, w, stride] for start, (_, w), stride in zip(starts, self.sizes, self.strides)]
        row = op("Cast", [op("Unsqueeze", [rows, b.integers(1)], "rows_column")], "rows_column_f", **FLOAT)  # (k, 1)
        reached = op("GreaterOrEqual", [row, b.constant(starts[:-1].astype(np.float32))], "reached_level")  # (k, levels)
        steps = b.constant(np.diff(np.array([[0, 0, 0], *table], dtype=np.float32), axis=0))  # (levels, 3)
        level = op("MatMul", [op("Cast", [reached], "reached_level_f", **FLOAT), steps], "level")  # (k, 3): start, width, stride
        start, width, stride = (op("Gather", [level, b.integers(i)], name, axis=1)
                                for i, name in enumerate(("level_start", "level_width", "level_stride")))
        cell = op("Sub", [row, start], "cell")
        y = op("Floor", [op("Div", [cell, width], "cell_y_exact")], "cell_y")
        x = op("Sub", [cell, op("Mul", [y, width], "cells_above")], "cell_x")
        corner = op("Concat", [x, y], "cell_xy", axis=1)
        return op("Mul", [op("Add", [corner, b.float(0.5)], "cell_middle"), stride], "centers"), stride

    def _nms(self, candidates: Candidates) -> str:
        """(k,) float: 1 for the boxes that NMS within their class keeps."""
        b, op = self.b, self.op
        classes = b.constant(np.arange(self.num_classes, dtype=np.int64).reshape(-1, 1))
        own = op("Equal", [classes, candidates.classes], "own_class")  # (K, k)
        scores = op("Where", [own, candidates.scores, b.float(LOWEST)], "class_scores")
        inputs = [op("Unsqueeze", [candidates.boxes, b.integers(0)], "nms_boxes"),
                  op("Unsqueeze", [scores, b.integers(0)], "nms_scores"), b.integers(self.k),
                  b.constant(np.array([self.decoder.nms_iou], dtype=np.float32)),
                  b.constant(np.array([LOWEST / 2], dtype=np.float32))]
        found = op("NonMaxSuppression", inputs, "nms")  # (S, 3): image, class, box
        found = op("Gather", [found, b.integers(2)], "kept_rows", axis=1)  # (S, 1)
        hits = op("Equal", [found, b.constant(np.arange(self.k, dtype=np.int64))], "kept_hits")  # (S, k)
        return op("ReduceSum", [op("Cast", [hits], "kept_hits_f", **FLOAT), b.integers(0)], "kept", keepdims=0)

    def _to_original(self, boxes: str) -> str:
        """Boxes (k, 4) of input pixels -> original pixels, clipped to the original image."""
        b, op, geometry = self.b, self.op, self.geometry
        if geometry.window is not None:  # full resolution
            shift = op("Gather", [CROP_XY, b.integers(0, 1, 0, 1)], "crop_xyxy", axis=1)  # (1, 4)
            moved = op("Add", [boxes, shift], "boxes_original")
        else:
            ratios = op("Div", [b.constant(np.array([geometry.resized_hw], dtype=np.float32)), IM_HW], "ratios")  # (1, 2)
            scale = op("ReduceMin", [ratios], "scale", axes=[1], keepdims=1)  # (1, 1) input pixels per original pixel
            shift = b.constant(np.array([0, geometry.drop_top, 0, geometry.drop_top], dtype=np.float32))
            moved = op("Div", [op("Add", [boxes, shift], "boxes_resized"), scale], "boxes_original")
        limit = op("Gather", [IM_HW, b.integers(1, 0, 1, 0)], "original_whwh", axis=1)  # (1, 4)
        return op("Min", [op("Max", [moved, b.float(0)], "boxes_above_0"), limit], "boxes_clipped")

    def _rank(self, scores: str, kept: str, boxes: str) -> tuple[str, str]:
        """(rank among the kept (k,) float, 1 for the rows of the output (k,) float).

        rank: how many kept boxes score higher, or the same at an earlier location. The best `top_k` go out, but for those
        wholly outside the original image.
        """
        b, op = self.b, self.op
        column = op("Unsqueeze", [scores, b.integers(1)], "scores_column")
        places = np.arange(self.k, dtype=np.int64)
        earlier = op("Less", [b.constant(places), b.constant(places[:, None])], "earlier")  # (k, k) [j, m]: m < j
        same = op("And", [op("Equal", [scores, column], "same_score"), earlier], "same_earlier")
        before = op("Or", [op("Greater", [scores, column], "higher"), same], "before")  # (k, k) [j, m]
        rank = op("MatMul", [op("Cast", [before], "before_f", **FLOAT),
                             op("Unsqueeze", [kept, b.integers(1)], "kept_column")], "rank_column")
        rank = op("Squeeze", [rank, b.integers(1)], "rank")
        low = op("Gather", [boxes, b.integers(0, 1)], "corner_low", axis=1)
        high = op("Gather", [boxes, b.integers(2, 3)], "corner_high", axis=1)
        seen = op("Cast", [op("Greater", [high, low], "spans")], "spans_f", **FLOAT)
        seen = op("ReduceMin", [seen], "seen", **LAST)
        first = op("Cast", [op("Less", [rank, b.float(self.decoder.top_k)], "within_top_k")], "within_top_k_f", **FLOAT)
        return rank, op("Mul", [op("Mul", [kept, first], "kept_first"), seen], "chosen")

    def _outputs(self, candidates: Candidates, boxes: str, rank: str, chosen: str) -> None:
        """Chosen rows by rank, then zeros with class -1."""
        b, op, rows = self.b, self.op, self.decoder.top_k
        key = op("Mul", [chosen, op("Sub", [b.float(self.k), rank], "falling_rank")], "output_keys")
        taken = min(rows, self.k)
        values, order = b.top_k(key, taken, f"{self.task}.post.output_order")
        valid = op("Greater", [values, b.float(0)], "valid")  # (n,)
        column = op("Unsqueeze", [valid, b.integers(1)], "valid_column")
        gathered = op("Gather", [boxes, order], "boxes_ordered", axis=0)
        scores = op("Sigmoid", [op("Gather", [candidates.scores, order], "scores_ordered", axis=0)], "sigmoid")
        classes = op("Cast", [op("Gather", [candidates.classes, order], "classes_ordered", axis=0)], "classes_int32",
                     to=TensorProto.INT32)
        parts = {"boxes": (op("Where", [column, gathered, b.float(0)], "boxes_valid"), np.float32, (4,)),
                 "scores": (op("Where", [valid, scores, b.float(0)], "scores_valid"), np.float32, ()),
                 "classes": (op("Where", [valid, classes, b.constant(np.int32(-1))], "classes_valid"), np.int32, ())}
        for output, (tensor, dtype, tail) in parts.items():
            if taken < rows:
                missing = b.constant(np.full((rows - taken, *tail), -1 if output == "classes" else 0, dtype=dtype))
                tensor = op("Concat", [tensor, missing], f"{output}_padded", axis=0)
            name = b.op("Unsqueeze", [tensor, b.integers(0)], f"{self.task}.{output}")
            b.add_output(name, dtype, (1, rows, *tail))
        count = op("ReduceSum", [op("Cast", [valid], "valid_int32", to=TensorProto.INT32), b.integers(0)], "count_found",
                   keepdims=1)
        b.add_output(b.op("Identity", [count], f"{self.task}.count"), np.int32, (1,))
