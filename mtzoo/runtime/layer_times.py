"""Where the time of a deploy model goes, layer by layer, as OpenVINO counts it."""

import re
from collections import Counter
from collections.abc import Mapping

import onnx

from mtzoo.deploy.info import DeployInfo
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.feeds import noise_feeds

CONVOLUTIONS = ("Convolution", "GroupConvolution")
MARK = ".conv"  # what `mtzoo.deploy.network` calls the convolution of a layer, and what OpenVINO appends to
REST = re.compile(r"(#[0-9]+)?(WithoutBiases|/)*")  # a layer in parts has several convolutions, which count together


def layer_times(model: onnx.ModelProto, info: DeployInfo, threads: int, runs: int) -> Mapping[str, float]:
    """Layer -> microseconds of its convolution, the least of `runs`: whatever disturbs a run only adds to it."""
    executor, feeds = OpenVinoExecutor(model, threads, count=True), noise_feeds(info)
    least: dict[str, float] = {}
    for _ in range(runs):
        executor.run(feeds)
        times: Counter[str] = Counter()
        for name, kind, microseconds in executor.operator_times():
            layer, mark, rest = name.rpartition(MARK)
            if kind in CONVOLUTIONS and mark and REST.fullmatch(rest):
                times[layer] += microseconds
        least = {layer: min(least.get(layer, time), time) for layer, time in times.items()}
    return least
