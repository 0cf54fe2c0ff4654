"""Latency of whole frames with a deploy model or a pair, stage by stage."""

from collections.abc import Callable
from pathlib import Path

from mtzoo.data.input_files import list_images
from mtzoo.locate import find_model
from mtzoo.runtime.frame_times import FrameTimes, time_frames
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair


def bench_frames(model: str | Path | tuple[str | Path, str | Path], images: str | Path, *, threads: int = 2, runs: int = 50,
                 on_round: Callable[[int], None] = lambda done: None) -> FrameTimes:
    """Measure each stage of a whole frame: decode, resize, layout, network, boxes, label maps, drawing.

    Args:
        model: A deploy model, or a pair (resize, crop).
        images: An image file, or a folder of images.
        threads: CPU threads.
        runs: The number of frames.
        on_round: Called with the number of frames done.

    Raises:
        UserError: A file is missing, was changed, or was not written by mtzoo, or the folder has no image.
    """
    files = list_images(Path(images))
    if isinstance(model, tuple):
        resize, crop = map(find_model, model)
        return time_frames(ModelPair.load(resize, crop, threads=threads), files, threads, runs, on_round)
    return time_frames(DeployModel(model, threads=threads), files, threads, runs, on_round)
