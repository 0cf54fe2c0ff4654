"""What a network gets wrong, task by task, to look at: confusion matrix or curves, and the images that went worst."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import collate_eval
from mtzoo.data.pipeline import EvalPipeline
from mtzoo.engine.evaluate import Predictor, task_data
from mtzoo.engine.pictures import labels_and_prediction
from mtzoo.evaluation.curves import STEPS
from mtzoo.evaluation.details import Details, ImageScore
from mtzoo.ops.precision import exact_float32
from mtzoo.structures import Prediction, Sample
from mtzoo.visualization.figures import confusion_figure, curves_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_CONFIDENCE = 0.05
"""Of the boxes that are drawn, where a network finds next to nothing: fewer would hide the picture."""


@dataclass(frozen=True)
class WorstImage:
    """picture: (H, 2 W, 3) uint8 BGR, labels on the left, prediction on the right, of one task."""

    score: ImageScore
    picture: np.ndarray


@dataclass(frozen=True)
class TaskMistakes:
    """Of one task. values: plain data for JSON; figure: the confusion matrix of a segmentation task, the curves of a detection task,
    None without ground truth; worst: images, the worst first."""

    task: str
    values: dict[str, object]
    figure: "Figure | None"
    worst: list[WorstImage]


@torch.no_grad()
def find_mistakes(details: Details, predict: Predictor, config: ExperimentConfig, count: int) -> Iterator[TaskMistakes]:
    """Task by task. The worst images, `count` at most of each, are predicted once more; a detection task's boxes are those from the
    confidence of the best F1 on."""
    worst = {task: details.worst(task, count) for task in (*details.segmentation, *details.detection)}
    places = find_samples(config, {score.path for scores in worst.values() for score in scores})
    for task, values in details.values().items():
        min_score = max(details.curves(task).confidence, LEAST_CONFIDENCE) if task in details.detection else 0.0
        with exact_float32():
            images = [WorstImage(score, draw_task(task, places[score.path](), predict, config, min_score)) for score in worst[task]]
        yield TaskMistakes(task, values, task_figure(details, task), images)


def task_figure(details: Details, task: str) -> "Figure | None":
    """None without ground truth."""
    if task in details.segmentation:
        confusion = details.confusion(task)
        return confusion_figure(f"{task}: what labelled pixels are taken for", confusion, details.segmentation[task]) \
            if confusion.any() else None
    curves = details.curves(task)
    return curves_figure(task, curves.precision, curves.f1, STEPS) if curves.f1 else None


def find_samples(config: ExperimentConfig, paths: Collection[Path]) -> dict[Path, Callable[[], Sample]]:
    """Path of a validation image -> what loads its sample. Label files are read once, for all of them."""
    datasets = [each.dataset for each in eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))] if paths else []
    return {record.path: partial(dataset.__getitem__, i)
            for dataset in datasets for i, record in enumerate(dataset.group.records) if record.path in paths}


def draw_task(task: str, sample: Sample, predict: Predictor, config: ExperimentConfig, min_score: float) -> np.ndarray:
    """`labels_and_prediction` of one task."""
    found = predict(collate_eval([sample]))[0]
    own = Prediction({task: found.detections[task]}) if task in found.detections else Prediction({}, {task: found.label_maps[task]})
    boxes, masks = ({task: labels[task]} if task in labels else {} for labels in (sample.boxes, sample.masks))
    return labels_and_prediction(replace(sample, boxes=boxes, masks=masks), own, config.classes, min_score)
