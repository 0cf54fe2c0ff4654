"""When a phase evaluates the network that it trains, by what it is judged, and what that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mtzoo.config.values import MOST_ITERATIONS, check_at_most, check_positive
from mtzoo.errors import UserError, did_you_mean
from mtzoo.task_kind import task_kind


@dataclass(frozen=True)
class Validation:
    """Evaluation during a phase. Give either `every_epochs` or `every_iterations`.

    Attributes:
        every_epochs: Epochs between evaluations.
        every_iterations: Iterations between evaluations.
        metric: Metric, e.g. `"seg/mIoU"`, `"det/AP50"` or `"seg/IoU/pole"` -> its weight in the mean that decides which network is
            better. Default: AP, mIoU or top1 of each task, equally weighted.
        patience: End the phase after this many evaluations in a row without a better network. None: off.
        min_delta: The improvement that counts, in percentage points.
        keep: Whether the phase ends with the `"last"` or the `"best"` weights.
        images: Evaluate on the first N images of each validation folder. None: on all.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"interval": "every_iterations", "val_interval": "every_epochs",
                                                "save_best": "metric", "early_stopping": "patience", "limit": "images"}

    every_epochs: float | None = None
    every_iterations: int | None = None
    metric: Mapping[str, float] = field(default_factory=dict)
    patience: int | None = None
    min_delta: float = 0.0
    keep: Literal["last", "best"] = "last"
    images: int | None = None

    def __post_init__(self) -> None:
        if (self.every_epochs is None) == (self.every_iterations is None):
            raise UserError("give either 'every_epochs' or 'every_iterations'")
        given = [name for name in ("every_epochs", "every_iterations", "patience", "images") if getattr(self, name) is not None]
        check_positive(self, *given)
        check_at_most(self, every_epochs=1_000_000, every_iterations=MOST_ITERATIONS)
        if not 0 <= self.min_delta <= 100:
            raise UserError(f"min_delta={self.min_delta}: expected percentage points in 0..100")
        for name, weight in self.metric.items():
            if not 0 < weight <= 1e6:
                raise UserError(f"metric.{name}={weight}: expected a weight above 0")

    def weights(self, kinds: Mapping[str, str]) -> dict[str, float]:
        """Metric -> weight. kinds: task -> its kind."""
        return dict(self.metric) or {f"{task}/{task_kind(kind).metrics[0]}": 1.0 for task, kind in kinds.items()}


def check_metrics(validation: Validation, tasks: Mapping[str, tuple[str, Sequence[str], Sequence[str]]], where: str) -> None:
    """Raises UserError for a metric that no evaluation gives. tasks: name -> (kind, classes, names of its validation sources)."""
    for metric in validation.metric:
        task, _, rest = metric.partition("/")
        if task not in tasks:
            raise UserError(f"{where}.metric: '{metric}' is of no task{did_you_mean(task, tasks)}")
        kind, classes, sources = tasks[task]
        of_kind = task_kind(kind)
        known = [*of_kind.metrics, *(f"{name}/{label}" for name in of_kind.class_metrics for label in classes)]
        source = next((name for name in sources if rest.startswith(f"{name}/")), None) if len(sources) > 1 else None
        if rest.removeprefix(f"{source}/") not in known:
            raise UserError(f"{where}.metric: '{metric}' is not a metric of the task{did_you_mean(rest, known)}")
