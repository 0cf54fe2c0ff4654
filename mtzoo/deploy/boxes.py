"""Detection post-processing as ONNX: raw maps of several tasks -> boxes in original pixels. Equal to `mtzoo.postprocess`.

T tasks, which are decoded at once; L locations of all levels, k candidates of a task (pre-NMS top-k), n of them that can go out
(top-k), K classes of the task that has most. Every size is fixed at export.

No MatMul, convolution or Resize is here: OpenVINO takes bf16 for them, and for all floats before them, where a CPU has it.

Runtimes order equal scores differently, and scores of an integer network are often equal. So no operator here is asked to
order equals: where order matters, it is that of keys no two of which are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import TensorProto

from mtzoo.deploy.box_geometry import decoded_boxes, original_boxes
from mtzoo.deploy.builder import GraphBuilder, Scope
from mtzoo.deploy.nms import emit_nms
from mtzoo.ops.box_maps import box_strides
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import BoxDecoder

FLOAT = {"to": TensorProto.FLOAT}
Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class DetectionMaps:
    """The raw maps of one task. maps: "cls_s8" -> tensor; shapes: "cls_s8" -> (images, K, h, w)."""

    task: str
    maps: Mapping[str, str]
    shapes: Mapping[str, Shape]
    decoder: BoxDecoder

    @property
    def images(self) -> int:
        return next(iter(self.shapes.values()))[0]

    def of_each_image(self, builder: GraphBuilder) -> list["DetectionMaps"]:
        """One such object for each image."""
        if self.images == 1:
            return [self]
        parts = {name: builder.split(tensor, [1] * self.images, [f"{self.task}.image_{n}.{name}" for n in range(self.images)], axis=0)
                 for name, tensor in self.maps.items()}
        shapes = {name: (1, *shape[1:]) for name, shape in self.shapes.items()}
        return [replace(self, maps={name: part[n] for name, part in parts.items()}, shapes=shapes) for n in range(self.images)]

    @property
    def levels(self) -> tuple[tuple[int, int, int], ...]:
        """(stride, h, w), finest first."""
        return tuple((stride, *self.shapes[f"cls_s{stride}"][2:]) for stride in box_strides(self.maps))

    @property
    def num_classes(self) -> int:
        return self.shapes[f"cls_s{self.levels[0][0]}"][1]


def emit_boxes(builder: GraphBuilder, tasks: Sequence[DetectionMaps], geometry: DeployGeometry) -> None:
    """Write "<task>.boxes", ".scores", ".classes" and ".count" of all tasks; those of equal levels and decoders, and all
    images, at once."""
    alike: dict[object, list[DetectionMaps]] = {}
    for task in tasks:
        alike.setdefault((task.decoder, task.levels), []).append(task)
    for stack in alike.values():
        _StackEmitter(builder, stack, geometry).emit()


@dataclass(frozen=True)
class _Candidates:
    """Boxes in the order of their locations. scores: (T, k) logits; classes: (T, k) int64, -1 where the score is below the threshold;
    boxes: (T, k, 4) xyxy in input pixels."""

    scores: str
    classes: str
    boxes: str


class _StackEmitter:
    """Writes the post-processing of tasks of equal levels and decoders into a builder: every tensor has the task as first axis.

    Of several images each counts as a task of its own: all images of a task, then those of the next.
    """

    def __init__(self, builder: GraphBuilder, tasks: Sequence[DetectionMaps], geometry: DeployGeometry) -> None:
        self.b = Scope(builder, f"{'+'.join(task.task for task in tasks)}.post")
        self.tasks, self.images, self.geometry = [task.task for task in tasks], tasks[0].images, geometry
        self.stack = stack = [one for task in tasks for one in task.of_each_image(builder)]
        self.levels, self.decoder = stack[0].levels, stack[0].decoder
        self.classes = max(task.num_classes for task in stack)
        self.locations = sum(h * w for _, h, w in self.levels)
        self.k = min(self.decoder.pre_nms_top_k, self.locations)

    def emit(self) -> None:
        """Add what makes the outputs of the raw maps."""
        candidates = self._candidates()
        original = original_boxes(self.b, candidates.boxes, self.geometry, len(self.tasks), self.images)
        before = self._before(candidates.scores)
        n = min(self.decoder.top_k, self.k)
        position = self.b.op("ReduceSum", [before, self.b.integers(2)], "position", keepdims=0)  # (T, k): 0 is the best
        keys = self.b.op("Sub", [self.b.float(self.k), position], "falling_position")
        kept = emit_nms(self.b, candidates.boxes, candidates.classes, keys, sizes=(len(self.stack), self.classes, self.k, n),
                        iou=self.decoder.nms_iou)
        rank, chosen = self._rank(before, kept, original)
        self._outputs(candidates, original, rank, chosen)

    def _rows(self) -> str:
        """(R, L): the class maps and the box maps of one task after the other; the levels in a row, finest first."""
        b, rows = self.b, []
        channels = sum(task.num_classes + 4 for task in self.stack)
        for stride, h, w in self.levels:
            maps = [task.maps[f"{kind}_s{stride}"] for task in self.stack for kind in ("cls", "box")]
            joined = b.op("Concat", maps, f"maps_s{stride}", axis=1)
            rows.append(b.op("Reshape", [joined, b.integers(channels, h * w)], f"rows_s{stride}"))
        return b.op("Concat", rows, "rows_all", axis=1) if len(rows) > 1 else rows[0]

    def _row_numbers(self) -> np.ndarray:
        """(T, K + 4) int64: which of the R rows the classes and the box of a task are. What a task has too few of is its first class
        again: as the later one of equals it never is the best."""
        numbers, first = [], 0
        for task in self.stack:
            own = list(range(first, first + task.num_classes))
            first = own[-1] + 5
            numbers.append([*own, *own[:1] * (self.classes - len(own)), *range(first - 4, first)])
        return np.array(numbers, np.int64)

    def _candidates(self) -> _Candidates:
        """The k locations of the best scores; among equals at the k-th place those that come first."""
        b, numbers = self.b, self._row_numbers()
        rows = self._rows()
        logits = b.op("Gather", [rows, b.constant(numbers[:, :self.classes])], "logits", axis=0)  # (T, K, L)
        best = b.op("ReduceMax", [logits], "best", axes=[1], keepdims=0)  # (T, L)
        locations = self._first_largest(best)  # (T, k)
        column = b.op("Unsqueeze", [b.op("Cast", [locations], "locations", to=TensorProto.INT64), b.integers(1)], "locations_row")
        places = b.op("Add", [column, b.constant(numbers[:, :, None] * self.locations)], "places")  # (T, K + 4, k)
        picked = b.op("Gather", [b.op("Reshape", [rows, b.integers(-1)], "rows_flat"), places], "picked", axis=0)
        picked_logits, raw = b.split(picked, (self.classes, 4), ("picked_logits", "picked_raw"), axis=1)
        scores = b.op("ReduceMax", [picked_logits], "scores", axes=[1], keepdims=0)  # (T, k)
        floor = b.float(self.decoder.logit_threshold)
        classes = b.op("ArgMax", [picked_logits], "picked_classes", axis=1, keepdims=0)
        classes = b.op("Where", [b.op("Greater", [scores, floor], "above_floor"), classes, b.constant(np.int64(-1))], "classes")
        raw = b.op("Transpose", [raw], "raw_rows", perm=[0, 2, 1])
        return _Candidates(scores, classes, decoded_boxes(b, raw, locations, self.levels, self.geometry.input_hw))

    def _first_largest(self, scores: str) -> str:
        """(T, L) -> (T, k) float: rising indices of the k largest."""
        b = self.b
        values, _ = b.top_k(scores, self.k, "largest")
        last = b.op("Gather", [values, b.integers(self.k - 1)], "kth_largest", axis=1)  # (T, 1)
        larger = b.op("Cast", [b.op("Greater", [scores, last], "larger")], "larger_f", **FLOAT)
        equal = b.op("Cast", [b.op("Equal", [scores, last], "equal")], "equal_f", **FLOAT)
        room = b.op("Sub", [b.float(self.k), b.op("ReduceSum", [larger, b.integers(1)], "count_larger", keepdims=1)], "room")
        place = b.op("Mul", [b.op("CumSum", [equal, b.constant(np.int64(1))], "place"), equal], "place_of_equals")
        fits = b.op("Mul", [b.op("Cast", [b.op("LessOrEqual", [place, room], "fits")], "fits_f", **FLOAT), equal], "equal_taken")
        taken = b.op("Add", [larger, fits], "taken")
        falling = b.constant(np.arange(self.locations, 0, -1, dtype=np.float32))
        keys, _ = b.top_k(b.op("Mul", [taken, falling], "location_keys"), self.k, "by_location")
        return b.op("Sub", [b.float(self.locations), keys], "locations_f")

    def _before(self, scores: str) -> str:
        """(T, k, k) float: 1 at [t, j, m] where candidate m goes before j: it scores higher, or the same at an earlier location."""
        b = self.b
        row, column = (b.op("Unsqueeze", [scores, b.integers(axis)], f"scores_{name}") for axis, name in ((1, "row"), (2, "column")))
        places = np.arange(self.k, dtype=np.int64)
        earlier = b.op("Less", [b.constant(places), b.constant(places[:, None])], "earlier")  # (k, k)
        same = b.op("And", [b.op("Equal", [row, column], "same_score"), earlier], "same_earlier")
        return b.op("Cast", [b.op("Or", [b.op("Greater", [row, column], "higher"), same], "before")], "before_f", **FLOAT)

    def _rank(self, before: str, kept: str, boxes: str) -> tuple[str, str]:
        """(T, k) floats: how many kept boxes go before, and 1 for the rows of the output: the best `top_k` of the kept, but for those
        wholly outside the original image."""
        b = self.b
        kept_before = b.op("Mul", [before, b.op("Unsqueeze", [kept, b.integers(1)], "kept_row")], "kept_before")
        rank = b.op("ReduceSum", [kept_before, b.integers(2)], "rank", keepdims=0)
        low, high = b.split(boxes, (2, 2), ("corner_low", "corner_high"), axis=2)
        spans = b.op("Cast", [b.op("Greater", [high, low], "spans")], "spans_f", **FLOAT)
        seen = b.op("ReduceMin", [spans], "seen", axes=[2], keepdims=0)
        first = b.op("Cast", [b.op("Less", [rank, b.float(self.decoder.top_k)], "within_top_k")], "within_top_k_f", **FLOAT)
        return rank, b.op("Mul", [b.op("Mul", [kept, first], "kept_first"), seen], "chosen")

    def _outputs(self, candidates: _Candidates, boxes: str, rank: str, chosen: str) -> None:
        """Chosen rows by rank, then zeros with class -1."""
        b, tasks, taken = self.b, len(self.stack), min(self.decoder.top_k, self.k)
        key = b.op("Mul", [chosen, b.op("Sub", [b.float(self.k), rank], "falling_rank")], "output_keys")
        values, order = b.top_k(key, taken, "output_order")
        valid = b.op("Greater", [values, b.float(0)], "valid")  # (T, taken)
        own = b.op("Add", [order, b.constant(np.arange(tasks, dtype=np.int64)[:, None] * self.k)], "order_of_all")

        def ordered(tensor: str, name: str, *tail: int) -> str:
            return b.op("Gather", [b.op("Reshape", [tensor, b.integers(-1, *tail)], f"{name}_flat"), own], f"{name}_ordered", axis=0)

        column = b.op("Unsqueeze", [valid, b.integers(2)], "valid_column")
        scores = b.op("Sigmoid", [ordered(candidates.scores, "scores")], "sigmoid")
        classes = b.op("Cast", [ordered(candidates.classes, "classes")], "classes_int32", to=TensorProto.INT32)
        self._output("boxes", b.op("Where", [column, ordered(boxes, "boxes", 4), b.float(0)], "boxes_valid"), np.float32(0), 4)
        self._output("scores", b.op("Where", [valid, scores, b.float(0)], "scores_valid"), np.float32(0))
        self._output("classes", b.op("Where", [valid, classes, b.constant(np.int32(-1))], "classes_valid"), np.int32(-1))
        count = b.op("ReduceSum", [b.op("Cast", [valid], "valid_int32", to=TensorProto.INT32), b.integers(1)], "count", keepdims=0)
        self._hand_out("count", count, np.int32, (self.images,))

    def _output(self, key: str, tensor: str, filler: np.generic, *tail: int) -> None:
        """(T, taken, *tail) -> each task's (images, top_k, *tail), with rows of `filler` where there are fewer candidates."""
        missing = self.decoder.top_k - self.k
        if missing > 0:
            rows = self.b.constant(np.full((len(self.stack), missing, *tail), filler))
            tensor = self.b.op("Concat", [tensor, rows], f"{key}_padded", axis=1)
        self._hand_out(key, tensor, type(filler), (self.images, self.decoder.top_k, *tail))

    def _hand_out(self, key: str, tensor: str, dtype: type, shape: tuple[int, ...]) -> None:
        """Each task's share of (T, ...) as its output."""
        names = [f"{task}.{key}" for task in self.tasks]
        graph = self.b.builder
        if len(names) == 1:
            graph.op("Identity", [tensor], names[0])
        else:
            graph.split(tensor, [self.images] * len(names), names, axis=0)
        for name in names:
            graph.add_output(name, dtype, shape)
