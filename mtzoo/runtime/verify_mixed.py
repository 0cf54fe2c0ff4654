"""What can be said of a file with float layers: how far the executors are apart. Equality is promised of integer networks only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mtzoo.export.load import network_outputs, read_deploy_file
from mtzoo.models import MultiTaskNet
from mtzoo.runtime.executors import build_executor
from mtzoo.runtime.feeds import feeds_for, seen_image
from mtzoo.runtime.verify import RUNTIMES, with_raw_outputs
from mtzoo.structures import flatten_outputs


@dataclass
class Distance:
    """Of one executor from the torch network, over all raw maps: values compared, how many differ, the largest difference."""

    values: int = 0
    differing: int = 0
    largest: float = 0.0


def verify_mixed(net: MultiTaskNet, path: Path, images: Iterable[np.ndarray], *, threads: int = 1) -> Mapping[str, Distance]:
    """ONNX Runtime and OpenVINO against `net`, of which `path` is the export, on images (H, W, 3) uint8 BGR of any size."""
    file = read_deploy_file(path)
    info = file.info
    blank = torch.zeros(1, 3, *info.geometry.input_hw, dtype=torch.uint8)
    shapes = {name: tuple(value.shape) for name, value in flatten_outputs(network_outputs(net, blank)).items()}
    model = with_raw_outputs(file.model, shapes) or file.model
    executors = {name: build_executor(name, model, threads) for name in RUNTIMES}
    distances = {name: Distance() for name in RUNTIMES}
    for image in images:
        feeds = feeds_for(info, info.geometry.view(image.shape[:2]).show(image), image.shape[:2])
        wanted = flatten_outputs(network_outputs(net, torch.from_numpy(seen_image(info, feeds))))
        for name, executor in executors.items():
            found, distance = executor.run(feeds), distances[name]
            for output, value in wanted.items():
                errors = np.abs(found[output] - value.numpy())
                distance.values += errors.size
                distance.differing += int((errors > 0).sum())
                distance.largest = max(distance.largest, float(errors.max()))
    return distances
