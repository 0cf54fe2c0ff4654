"""What an evaluation can show of one task beside its metrics, and the images that went worst."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtzoo.structures import Prediction, Sample


@dataclass(frozen=True)
class ImageScore:
    """How well a task went on one image. score: 0..1, mean IoU of the classes in it, F1 of its boxes, or the probability of its class;
    errors: wrong pixels, missed boxes and false alarms, or a wrong class; said: in words."""

    path: Path
    score: float
    errors: int
    said: str


class TaskDetails(ABC):
    """Collects them over the images of an evaluation."""

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        self.task, self.classes = task, tuple(classes)
        self.paths: list[Path] = []

    @property
    def min_score(self) -> float:
        """Of the boxes that show best how the task goes."""
        return 0.0

    @abstractmethod
    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image with labels of the task, both in original pixels."""

    @abstractmethod
    def scores(self) -> list[ImageScore | None]:
        """Of each image; None where there is nothing to find."""

    @abstractmethod
    def values(self) -> dict[str, object]:
        """All of it as plain data for JSON."""

    def worst(self, count: int) -> list[ImageScore]:
        """Of the images with labels that went worst, the worst first."""
        found = [score for score in self.scores() if score is not None and score.score < 1]
        return sorted(found, key=lambda score: (score.score, -score.errors))[:count]
