"""`mtzoo data view`: samples as the network sees them in training, with their labels, on one sheet."""

import argparse
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtzoo.cli.arguments import config_from_arguments
from mtzoo.cli.numbers import at_least
from mtzoo.cli.outputs import output_folder
from mtzoo.console import numbered, say
from mtzoo.files import write_whole
from mtzoo.recipes.output_folder import check_new_folder
from mtzoo.visualization.draw import draw_ground_truth
from mtzoo.visualization.sheet import contact_sheet
from mtzoo.visualization.text import TextStyle, draw_label

if TYPE_CHECKING:  # imported when the verb runs: help and other data tools should not wait for torch
    from mtzoo.config import ExperimentConfig

SHEET = "samples.png"
CAPTION_COLOR = (40, 40, 40)


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR", help=f"new folder: {SHEET}")
    parser.add_argument("--num-images", type=at_least(1, "--num-images", 10_000), default=12, metavar="N", help="samples (12)")
    parser.add_argument("--columns", type=at_least(1, "--columns", 100), default=3, help="samples side by side (3)")
    parser.add_argument("--seed", type=at_least(0, "--seed", 2**32 - 1), metavar="N", default=0,
                        help="seed of samples and transforms (0)")


def run_view(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.engine.distributed import run_console
    from mtzoo.recipes.data_folders import say_folders

    check_new_folder(args.out)
    config = config_from_arguments(args, "data view", parts.training_samples)
    say_folders(config, run_console(), "train")
    pictures = draw_samples(config, args.num_images, args.seed)
    rows = [pictures[i:i + args.columns] for i in range(0, len(pictures), args.columns)]
    width = pictures[0].shape[1]
    sheet = contact_sheet(rows, cell_width=min(width, 640))
    write_whole(args.out / SHEET, cv2.imencode(".png", sheet)[1].tobytes(), "choose another --out")
    say(f"{numbered(len(pictures), 'sample')} of {width}x{pictures[0].shape[0]}: {args.out / SHEET}")
    return 0


def draw_samples(config: "ExperimentConfig", num: int, seed: int) -> list[np.ndarray]:
    """The first `num` samples of a training's first epoch with this seed, labels drawn over them. (H, W, 3) uint8 BGR each."""
    from mtzoo.data.dataset import MultiTaskDataset
    from mtzoo.engine.evaluate import task_data, train_pipeline

    dataset = MultiTaskDataset(task_data(config, "train"), train_pipeline(config), seed=seed)
    sampler = dataset.sampler(max(num, len(dataset)))
    pictures = []
    for draw in islice(sampler, num):
        sample = dataset[draw]
        picture = draw_ground_truth(sample, config.classes)
        text = f"{sample.source}: {sample.path.name}"
        draw_label(picture, text, (0, 0), CAPTION_COLOR, TextStyle.for_image(picture.shape[:2]))
        pictures.append(picture)
    return pictures
