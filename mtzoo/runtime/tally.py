"""How many values of an executor differ from those that were validated."""

from dataclasses import dataclass, field

import numpy as np

from mtzoo.structures import Detections, RawOutputs, flatten_outputs

BOX_TOLERANCE = 1e-3  # original pixels; exp differs in its last bits between runtimes
SCORE_TOLERANCE = 1e-5


@dataclass
class Tally:
    """What differs in one executor.

    values, mismatches: output -> count, over all images; box_error: largest coordinate difference, px; float_error: largest difference
    of outputs behind a softmax or sigmoid, which are computed in float.
    """

    values: dict[str, int] = field(default_factory=dict)
    mismatches: dict[str, int] = field(default_factory=dict)
    box_error: float = 0.0
    float_error: float = 0.0

    def count(self, output: str, size: int, differing: int) -> None:
        self.values[output] = self.values.get(output, 0) + size
        self.mismatches[output] = self.mismatches.get(output, 0) + differing

    def count_raw(self, expected: RawOutputs, actual: RawOutputs) -> None:
        """The network's own maps; all values of one of another shape differ."""
        found = flatten_outputs(actual)
        for name, value in flatten_outputs(expected).items():
            same_shape = value.shape == found[name].shape
            self.count(name, value.numel(), int((value != found[name]).sum()) if same_shape else value.numel())

    def count_boxes(self, output: str, wanted: Detections, found: Detections) -> None:
        size, differing, error = compare_detections(wanted, found)
        self.count(output, size, differing)
        self.box_error = max(self.box_error, error)


def compare_detections(wanted: Detections, found: Detections) -> tuple[int, int, float]:
    """(rows compared, rows that differ, largest coordinate difference of rows of the same class, px).

    Row by row: equal scores are in the order of their locations on both sides. A missing or further row differs.
    """
    rows = min(len(wanted.boxes), len(found.boxes))
    size = max(len(wanted.boxes), len(found.boxes))
    if rows == 0:
        return size, size, 0.0
    errors = np.abs(wanted.boxes[:rows] - found.boxes[:rows]).max(axis=1)
    same = wanted.labels[:rows] == found.labels[:rows]
    same &= np.abs(wanted.scores[:rows] - found.scores[:rows]) <= SCORE_TOLERANCE
    good = same & (errors <= BOX_TOLERANCE)
    return size, size - int(good.sum()), float(errors[same].max(initial=0.0))
