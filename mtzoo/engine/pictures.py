"""Predictions drawn on the same few validation images after every stage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.images import read_image
from mtzoo.data.loader import collate_eval
from mtzoo.data.pipeline import EvalPipeline
from mtzoo.engine.checkpoint import RESUME_ADVICE
from mtzoo.engine.evaluate import Predictor, task_data
from mtzoo.files import write_whole
from mtzoo.ops import affine
from mtzoo.structures import Prediction, Sample
from mtzoo.visualization.draw import draw_ground_truth, draw_prediction

MIN_SCORE = 0.3
"""Lowest score of the boxes that are drawn in a stage's pictures."""


def pick_samples(config: ExperimentConfig, count: int) -> list[Sample]:
    """`count` validation samples spread over all folders, the same ones at every call."""
    datasets = [s.dataset for s in eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))]
    places = [(dataset, i) for dataset in datasets for i in range(len(dataset))]
    step = max(1, len(places) // count)
    return [dataset[i] for dataset, i in places[step // 2::step][:count]]


def originals(samples: Iterable[Sample]) -> Iterator[np.ndarray]:
    """The samples' images as they are on disk, (H, W, 3) uint8 BGR."""
    for sample in samples:
        yield read_image(sample.path)


@torch.no_grad()
def draw_stage(predict: Predictor, config: ExperimentConfig, folder: Path, samples: list[Sample]) -> None:
    """Write `<folder>/<image>.jpg` for each sample, labels and prediction side by side, in original size.

    Raises UserError where that cannot be written.
    """
    for i, sample in enumerate(samples):
        picture = labels_and_prediction(sample, predict(collate_eval([sample]))[0], config.classes, MIN_SCORE)
        write_jpeg(folder / f"{i:02d}-{sample.path.stem}.jpg", picture, RESUME_ADVICE)


def write_jpeg(path: Path, picture: np.ndarray, advice: str) -> None:
    """picture: (H, W, 3) uint8 BGR. Raises UserError with `advice` where it cannot be written: imwrite hides a full disk."""
    write_whole(path, cv2.imencode(".jpg", picture)[1].tobytes(), advice)


def labels_and_prediction(sample: Sample, prediction: Prediction, classes: Mapping[str, Sequence[str]], min_score: float) -> np.ndarray:
    """Side by side over the original, (H, 2 W, 3) uint8 BGR. sample: of an EvalDataset; min_score: of the boxes that are drawn."""
    original = read_image(sample.path)
    drawn = draw_prediction(original, prediction, classes, min_score=min_score)
    truth = draw_ground_truth(Sample(original, sample.path, sample.source, sample.original_hw, affine.scale_shift(1, 1), sample.boxes,
                                     sample.masks, image_labels=sample.image_labels), classes)
    return cv2.hconcat([truth, drawn])
