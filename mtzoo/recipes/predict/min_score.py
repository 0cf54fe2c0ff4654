"""Below which score boxes are left out, for all classes and for some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mtzoo.errors import UserError, did_you_mean

if TYPE_CHECKING:  # imported when a prediction is there: --help should not wait for torch
    from mtzoo.structures import Prediction

DEFAULT = 0.3


@dataclass(frozen=True)
class MinScore:
    """every: of the classes that `of` does not name."""

    every: float
    of: Mapping[str, float] = field(default_factory=dict)

    def check(self, classes: Mapping[str, Sequence[str]]) -> None:
        """Raises UserError for a class that no detection task has. classes: those of detection tasks."""
        known = [name for names in classes.values() for name in names]
        for name in self.of:
            if name not in known:
                raise UserError(f"--min-score {name}={self.of[name]:g}: the model finds no boxes of the class "
                                f"'{name}'{did_you_mean(name, known)}")

    def kept(self, prediction: "Prediction", classes: Mapping[str, Sequence[str]]) -> "Prediction":
        """The prediction without the boxes that are weaker."""
        import numpy as np

        from mtzoo.structures import Detections

        found = {}
        for task, boxes in prediction.detections.items():
            least = np.array([self.of.get(name, self.every) for name in classes[task]])
            keep = boxes.scores >= least[boxes.labels]
            found[task] = Detections(boxes.boxes[keep], boxes.scores[keep], boxes.labels[keep])
        return replace(prediction, detections=found)

    def plain(self) -> float | dict[str, float]:
        """Plain data for JSON: one number where no class has its own."""
        return {"": self.every, **self.of} if self.of else self.every
