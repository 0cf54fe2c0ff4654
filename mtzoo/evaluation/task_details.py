"""What an evaluation can show of one task beside its metrics, and the images that went worst."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mtzoo.structures import Prediction, Sample

T = TypeVar("T")


@dataclass(frozen=True)
class ImageScore:
    """How well a task went on one image. score: 0..1, mean IoU of the classes in it, F1 of its boxes, or the probability of its class;
    errors: wrong pixels, missed boxes and false alarms, or a wrong class; said: in words."""

    path: Path
    score: float
    errors: int
    said: str


class TaskDetails(ABC, Generic[T]):
    """Collects them over the images of an evaluation. T: what is kept of one image."""

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        self.task, self.classes = task, tuple(classes)
        self.paths: list[Path] = []
        self.measured: list[T] = []

    @property
    def min_score(self) -> float:
        """Of the boxes that show best how the task goes."""
        return 0.0

    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image with labels of the task, both in original pixels."""
        self.measured.append(self.measure(prediction, sample))
        self.paths.append(sample.path)

    def merge(self, later: "TaskDetails[T]") -> None:
        """Count the images of others of the same task, as if they were added after one's own."""
        self.measured += later.measured
        self.paths += later.paths

    @abstractmethod
    def measure(self, prediction: Prediction, sample: Sample) -> T:
        """What is kept of one image."""

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
