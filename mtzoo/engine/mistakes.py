"""What a network gets wrong, task by task, to look at: confusion matrix or curves, and the images that went worst."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import collate_eval
from mtzoo.data.pipeline import EvalPipeline
from mtzoo.engine.evaluate import Predictor, task_data
from mtzoo.engine.pictures import labels_and_prediction
from mtzoo.evaluation.box_details import BoxDetails
from mtzoo.evaluation.classification import ImageDetails
from mtzoo.evaluation.curves import STEPS
from mtzoo.evaluation.details import Details
from mtzoo.evaluation.mask_details import MaskDetails
from mtzoo.evaluation.task_details import ImageScore
from mtzoo.ops.precision import exact_float32
from mtzoo.structures import Sample
from mtzoo.task_kind import ByKind
from mtzoo.visualization.figures import confusion_figure, curves_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_CONFIDENCE = 0.05
"""Lowest score of the boxes that are drawn where a network finds next to nothing: more boxes would hide the picture."""


@dataclass(frozen=True)
class WorstImage:
    """picture: (H, 2 W, 3) uint8 BGR, labels on the left, prediction on the right, of one task."""

    score: ImageScore
    picture: np.ndarray


@dataclass(frozen=True)
class TaskMistakes:
    """What a network gets wrong in one task.

    values: plain data for JSON; figure: a confusion matrix, or the curves of a detection task, None without ground truth; worst:
    images, the worst first.
    """

    task: str
    values: dict[str, object]
    figure: "Figure | None"
    worst: list[WorstImage]


@torch.no_grad()
def find_mistakes(details: Details, predict: Predictor, config: ExperimentConfig, count: int) -> Iterator[TaskMistakes]:
    """Task by task. The worst images, `count` at most of each, are predicted once more; a detection task's boxes are those from the
    confidence of the best F1 on."""
    worst = {task: found.worst(count) for task, found in details.tasks.items()}
    places = find_samples(config, {score.path for scores in worst.values() for score in scores})
    for task, found in details.tasks.items():
        min_score = max(found.min_score, LEAST_CONFIDENCE)
        with exact_float32():
            images = [WorstImage(score, draw_task(task, places[score.path](), predict, config, min_score)) for score in worst[task]]
        yield TaskMistakes(task, found.values(), FIGURES[config.kinds[task]](found), images)


def curves_of(details: BoxDetails) -> "Figure | None":
    """None without ground truth."""
    curves = details.curves()
    return curves_figure(details.task, curves.precision, curves.f1, STEPS) if curves.f1 else None


def confusion_of(details: MaskDetails | ImageDetails, *, what: str, unit: str) -> "Figure | None":
    """None without ground truth. what: is taken for a class; unit: of what is counted."""
    confusion = details.confusion()
    return confusion_figure(f"{details.task}: what {what} are taken for", confusion, details.classes, unit) if confusion.any() else None


FIGURES: ByKind[Callable[[Any], "Figure | None"]] = ByKind({
    "detection": curves_of, "segmentation": partial(confusion_of, what="labelled pixels", unit="pixels"),
    "classification": partial(confusion_of, what="images", unit="images")})


def find_samples(config: ExperimentConfig, paths: Collection[Path]) -> dict[Path, Callable[[], Sample]]:
    """Path of a validation image -> what loads its sample. Label files are read once, for all of them."""
    datasets = [each.dataset for each in eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))] if paths else []
    return {record.path: partial(dataset.__getitem__, i)
            for dataset in datasets for i, record in enumerate(dataset.group.records) if record.path in paths}


def draw_task(task: str, sample: Sample, predict: Predictor, config: ExperimentConfig, min_score: float) -> np.ndarray:
    """`labels_and_prediction` of one task."""
    found = predict(collate_eval([sample]))[0]
    return labels_and_prediction(sample.of_task(task), found.of_task(task), config.classes, min_score)
