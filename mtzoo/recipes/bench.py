"""Latency of a deploy model: of the network in each runtime, or of whole frames stage by stage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.input_files import check_file, images_below, is_folder
from mtzoo.engine.frame_times import FrameTimes, time_frames
from mtzoo.locate import find_model
from mtzoo.recipes.models import load_pair
from mtzoo.runtime.bench import BenchReport, bench_against
from mtzoo.runtime.bench import bench as bench_one
from mtzoo.runtime.model import DeployModel

OnRound = Callable[[int], None]
"""Told the number of rounds done."""


@dataclass(frozen=True)
class BenchResult:
    """What `bench` returns.

    Attributes:
        model: Latencies and sizes of the network in float and as it is deployed.
        base: Those of the base, measured in the same rounds. None without a base.
    """

    model: BenchReport
    base: BenchReport | None = None


def bench(model: str | Path, *, base: str | Path | None = None, threads: int = 2, runs: int = 50,
          on_round: OnRound = lambda done: None) -> BenchResult:
    """Measure the median latency of a deploy model and of the same network in float: torch, ONNX Runtime, OpenVINO.

    Rounds are interleaved. Let nothing else run meanwhile.

    Args:
        model: An `.onnx` file, or the name of a zoo model.
        base: Another model to measure in the same rounds.
        threads: CPU threads.
        runs: The number of rounds.
        on_round: Called with the number of rounds done.

    Raises:
        UserError: A file is missing, was changed, or was not written by mtzoo.
    """
    path = find_model(model)
    if base is None:
        return BenchResult(bench_one(path, threads, runs, on_round))
    return BenchResult(*bench_against(path, find_model(base), threads, runs, on_round))


def bench_frames(model: str | Path | tuple[str | Path, str | Path], images: str | Path, *, threads: int = 2, runs: int = 50,
                 on_round: OnRound = lambda done: None) -> FrameTimes:
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
    source = Path(images)
    if is_folder(source):
        files = images_below(source, "--images")
    else:
        check_file(source, IMAGE_SUFFIXES)
        files = [source]
    if isinstance(model, tuple):
        resize, crop = map(find_model, model)
        return time_frames(load_pair(resize, crop, None, "openvino", threads), files, threads, runs, on_round)
    return time_frames(DeployModel(model, threads=threads), files, threads, runs, on_round)
