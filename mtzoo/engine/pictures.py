"""Predictions drawn on the same few validation images after every stage."""

from pathlib import Path

import cv2
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
from mtzoo.structures import Sample
from mtzoo.visualization.draw import draw_ground_truth, draw_prediction


def pick_samples(config: ExperimentConfig, count: int) -> list[Sample]:
    """`count` validation samples spread over all folders, the same ones at every call."""
    datasets = [s.dataset for s in eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))]
    places = [(dataset, i) for dataset in datasets for i in range(len(dataset))]
    step = max(1, len(places) // count)
    return [dataset[i] for dataset, i in places[step // 2::step][:count]]


@torch.no_grad()
def draw_stage(predict: Predictor, config: ExperimentConfig, folder: Path, samples: list[Sample]) -> None:
    """Write `<folder>/<image>.jpg` for each sample, labels and prediction side by side, in original size.

    Raises UserError where that cannot be written.
    """
    for i, sample in enumerate(samples):
        original = read_image(sample.path)
        drawn = draw_prediction(original, predict(collate_eval([sample]))[0], config.classes)
        truth = draw_ground_truth(Sample(original, sample.path, sample.source, sample.original_hw,
                                         affine.scale_shift(1, 1), sample.boxes, sample.masks), config.classes)
        picture = cv2.imencode(".jpg", cv2.hconcat([truth, drawn]))[1]
        write_whole(folder / f"{i:02d}-{sample.path.stem}.jpg", picture.tobytes(), RESUME_ADVICE)  # imwrite hides a full disk
