"""The networks whose cost tools/cost_growth.py measures: a config's trunk for images of several sizes, and with 1 head to many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mtzoo.compression import Corrections
from mtzoo.config import config_from_dict
from mtzoo.config.load import read_config
from mtzoo.console import numbered
from mtzoo.data.images import read_image
from mtzoo.deploy.export import export_model
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.latency_check import quantized_on_noise
from mtzoo.engine.ptq import PtqInputs, fold_all, integer_network, load_float_network
from mtzoo.engine.stages import INTEGER_STEP, config_network
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint, find_config
from mtzoo.recipes.models import export_spec

AREAS = (0.25, 0.5, 1.0, 2.0, 4.0)
HEADS = (1, 2, 4, 6, 8, 12)
KINDS = ("detection", "segmentation")
AREA = "area"
"""The series of the config's own tasks; the other series are KINDS."""
STRIDE = 32
WEIGHTS = "zoo:scenes_resize"


@dataclass(frozen=True)
class Point:
    """One network. series: AREA or one of KINDS; heads: how many it has; hw: of its input."""

    series: str
    heads: int
    hw: tuple[int, int]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.series}-{self.heads}-{self.hw[0]}x{self.hw[1]}"

    @property
    def label(self) -> str:
        kind = "" if self.series == AREA else f"{self.series} "
        return f"{numbered(self.heads, f'{kind}head')} at {self.hw[0]}x{self.hw[1]}"

    @property
    def megapixels(self) -> float:
        return self.hw[0] * self.hw[1] / 1e6


def points_of(config: str, hw: tuple[int, int] | None, areas: Sequence[float], heads: Sequence[int]) -> list[Point]:
    """All that is measured. hw: the size with area 1, None for the config's. Raises UserError for an area that is none."""
    values = read_config(find_config(config))
    base = hw or tuple(values["deploy_geometry"]["input_hw"])
    if wrong := next((area for area in areas if not 0 < area < math.inf), None):
        raise UserError(f"--areas {wrong:g}: numbers above 0 are wanted")
    sizes = dict.fromkeys(tuple(max(STRIDE, round(side * math.sqrt(area) / STRIDE) * STRIDE) for side in base) for area in areas)
    if len(sizes) < 2 or len(set(heads)) < 2:
        raise UserError("--areas, --heads: two different ones of each are wanted, for a line")
    found = [Point(AREA, len(values["tasks"]), size) for size in sizes]
    return found + [Point(kind, count, base) for kind in KINDS for count in dict.fromkeys(heads)]


def with_heads(values: dict[str, Any], kind: str, count: int) -> dict[str, dict[str, Any]]:
    """`count` tasks like the config's first one of that kind, each with a head of its own."""
    task = next(task for task in values["tasks"].values() if task["kind"] == kind)
    *shared, head = task["nodes"]
    return {f"{kind}_{n}": {**task, "nodes": [*shared, {**head, "name": f"{kind}_{n}_head"}]} for n in range(1, count + 1)}


def write_model(out: Path, point: Point, config: str) -> Path:
    """The point's deploy model, random weights calibrated on noise; written unless it is there."""
    path = file_of(out, point)
    if path.exists():
        return path
    values = read_config(find_config(config))
    values.pop("int_inference_export_input_shape", None)
    values["deploy_geometry"] = {"resized_hw": list(point.hw), "drop_top": 0, "input_hw": list(point.hw)}
    if point.series != AREA:
        values["tasks"] = with_heads(values, point.series, point.heads)
    made = config_from_dict(values)
    torch.manual_seed(0)
    net = quantized_on_noise(fold_all(config_network(made), made), point.hw)
    export_model(net, export_spec(made, INTEGER_STEP), path, postprocess=True)
    return path


def write_predictor(path: Path, pictures: Sequence[Path], hw: tuple[int, int]) -> Path:
    """A small model that finds something: WEIGHTS at another size, calibrated on pictures; written unless it is there."""
    if path.exists():
        return path
    weights = find_checkpoint(WEIGHTS)
    geometry = {"resized_hw": list(hw), "drop_top": 0, "input_hw": list(hw)}
    values = {key: value for key, value in load_checkpoint(weights).config.items() if key != "int_inference_export_input_shape"}
    config = config_from_dict({**values, "deploy_geometry": geometry})
    images = [read_image(picture) for picture in pictures]
    seen = np.stack([config.deploy_geometry.view(image.shape[:2]).show(image) for image in images])
    batches = Batches(torch.from_numpy(seen).permute(0, 3, 1, 2))
    net, _ = integer_network(PtqInputs(config, fold_all(load_float_network(config, weights), config), batches, Corrections()))
    export_model(net, export_spec(config, INTEGER_STEP), path, postprocess=True)
    return path


def file_of(out: Path, point: Point) -> Path:
    return out / "models" / f"{point.name}.onnx"
