"""What can be said of a file that is no integer network: how far the executors are apart. Equality is promised of integers only.

Sums of floats depend on their order, so a value at the border of two steps may fall to either side, and later layers carry that on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mtzoo.deploy.file import DeployFile
from mtzoo.deploy.load import network_outputs
from mtzoo.deploy.reference import output_steps
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.runtime.executors import build_executor
from mtzoo.runtime.feeds import feeds_for, seen_image
from mtzoo.runtime.verify import RUNTIMES, with_raw_outputs
from mtzoo.structures import flatten_outputs


@dataclass
class Distance:
    """How far one executor is from the torch network, over a task's raw maps: values compared, how many differ, the largest difference,
    also in steps of the output's integers; steps: None where the output is float."""

    values: int = 0
    differing: int = 0
    largest: float = 0.0
    steps: float | None = None

    def add(self, errors: np.ndarray, step: np.ndarray | None) -> None:
        """errors: (N, C, H, W), absolute; step: (C,) or ()."""
        self.values += errors.size
        self.differing += int((errors > 0).sum())
        self.largest = max(self.largest, float(errors.max()))
        if step is not None:
            self.steps = max(self.steps or 0.0, float((errors / step.reshape(-1, 1, 1)).max()))


Distances = Mapping[str, Mapping[str, Distance]]
"""Executor -> task -> its distance from torch."""


def verify_mixed(net: MultiTaskNet, file: DeployFile, images: Iterable[np.ndarray], *, threads: int = 1) -> Distances:
    """ONNX Runtime and OpenVINO against `net`, of which `file` is the export, on images (H, W, 3) uint8 BGR of any size.

    Raises UserError if there is no image.
    """
    info = file.info
    blank = torch.zeros(info.batch, 3, *info.geometry.input_hw, dtype=torch.uint8)
    shapes = {name: tuple(value.shape) for name, value in flatten_outputs(network_outputs(net, blank)).items()}
    model = with_raw_outputs(file.model, shapes) or file.model
    executors = {name: build_executor(name, model, threads) for name in RUNTIMES}
    steps = {name: step.numpy() for name, step in output_steps(file).items()}
    distances = {name: {task: Distance() for task in info.tasks} for name in RUNTIMES}
    seen = False
    for image in images:
        seen = True
        feeds = feeds_for(info, info.geometry.view(image.shape[:2]).show(image), image.shape[:2])
        wanted = flatten_outputs(network_outputs(net, torch.from_numpy(seen_image(info, feeds))))
        for name, executor in executors.items():
            found = executor.run(feeds)
            for output, value in wanted.items():
                distances[name][output.partition(".")[0]].add(np.abs(found[output] - value.numpy()), steps.get(output))
    if not seen:
        raise UserError(f"{file.path}: no image to verify it on; name a folder with images")
    return distances
