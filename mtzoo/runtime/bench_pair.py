"""Latency of a resize and a crop network against one network that sees the whole image at full resolution."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.deploy.export import build_model
from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import fake_quant_network, stored_integers
from mtzoo.models import network_stride
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.merge import merge
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.feeds import feeds_for
from mtzoo.runtime.pair import ModelPair
from mtzoo.runtime.timing import interleaved, machine

RESIZE, CROP, MERGE, WHOLE = "resize", "crop", "merge", "whole image"


@dataclass(frozen=True)
class PairBenchReport:
    """Latencies of a pair: OpenVINO int8, batch 1.

    Attributes:
        machine: The CPU.
        threads: CPU threads.
        runs: Interleaved rounds.
        original_hw: Height and width of the image in pixels.
        latency_ms: The median of each part in milliseconds: both networks, the merge, and the resize network on the whole image at
            `original_hw`.
    """

    machine: str
    threads: int
    runs: int
    original_hw: tuple[int, int]
    latency_ms: dict[str, float]

    @property
    def pair_ms(self) -> float:
        """Milliseconds of both networks, one after the other, and the merge."""
        return self.latency_ms[RESIZE] + self.latency_ms[CROP] + self.latency_ms[MERGE]

    @property
    def speedup(self) -> float:
        """How many times as fast the pair is as the resize network on the whole image."""
        return self.latency_ms[WHOLE] / self.pair_ms


def bench_pair(pair: ModelPair, resize_path: Path, image: np.ndarray, threads: int, runs: int,
               on_round: Callable[[int], None] | None = None) -> PairBenchReport:
    """Measure `runs` interleaved rounds on one image (H, W, 3) uint8 BGR. Networks with post-processing, without the
    resizing and cutting of the image."""
    hw = image.shape[:2]
    prediction = pair.predict_each(image)
    models = {RESIZE: pair.resize, CROP: pair.crop}
    feeds = {name: feeds_for(model.info, model.info.geometry.view(hw).show(image), hw) for name, model in models.items()}
    calls: dict[str, Callable[[], object]] = {name: lambda name=name: models[name].run(feeds[name]) for name in models}
    calls[MERGE] = lambda: merge(prediction.resize, prediction.crop, prediction.window, pair.rule)
    calls[WHOLE] = _whole_image(resize_path, image, threads)
    times = interleaved(calls, runs, on_round)
    return PairBenchReport(machine(), threads, runs, hw, {name: statistics.median(t) for name, t in times.items()})


def _whole_image(path: Path, image: np.ndarray, threads: int) -> Callable[[], object]:
    """One inference of the resize network on the original at full resolution, padded to the network's stride."""
    file = read_deploy_file(path)
    height, width = image.shape[:2]
    net = fake_quant_network(file, stored_integers(file))
    stride = network_stride(net)
    geometry = DeployGeometry((-(-height // stride) * stride, -(-width // stride) * stride), resized_hw=(height, width))
    model = build_model(net, file.info.tasks, geometry, quantized=True, postprocess=True)
    names = {tensor.name for tensor in model.graph.input}
    arrays = {"image": geometry.view((height, width)).show(image).transpose(2, 0, 1)[None].copy(),
              "im_hw": np.array([[height, width]], dtype=np.float32)}
    executor = OpenVinoExecutor(model, threads)
    return lambda: executor.run({name: array for name, array in arrays.items() if name in names})
