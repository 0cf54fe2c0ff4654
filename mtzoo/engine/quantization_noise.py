"""Which parts of a config's network rounding hurts: measured, kept in a file, shown as table and picture."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
from rich.table import Table

from mtzoo.compression import exact_outputs, network_parts, part_noise, part_pattern
from mtzoo.compression.post_training import equalized, few
from mtzoo.data.json_file import read_json
from mtzoo.engine.fingerprint import ADVICE, file_hash
from mtzoo.engine.ptq import PtqInputs
from mtzoo.engine.stages import quantization_of
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.graph import read_program
from mtzoo.ops.precision import exact_float32
from mtzoo.quantization import calibrate, prepare
from mtzoo.strict_json import write_json
from mtzoo.visualization.bars import Bar, bar_picture

SHARED_COLOR, HEAD_COLOR = (180, 120, 60), (60, 120, 220)  # BGR
Noise = dict[str, dict[str, float]]
"""Part -> task -> noise in percent, see `part_noise`."""


def fingerprint(job: PtqInputs, checkpoint: Path) -> dict[str, Any]:
    """What the noise depends on: a table of other values is not reused."""
    return {"checkpoint": file_hash(checkpoint), "tasks": sorted(job.config.classes),
            "quantization": _plain(asdict(job.config.quantization)),
            "heads": {t.name: _plain(asdict(t.quantization)) for t in job.config.tasks if t.quantization},
            "calib_images": hashlib.sha256(job.batches.images.contiguous().numpy().tobytes()).hexdigest(),
            "equalize": job.corrections.equalize}


def measure_noise(job: PtqInputs, known: Noise, on_part: Callable[[str, Noise], None]) -> Noise:
    """The noise of every part on a few calibration images; `known` parts are not measured again. on_part: told after each one.

    No correction of biases is in it: what it mends depends on all parts together.
    """
    with exact_float32():
        net = equalized(job.folded, job.batches, job.corrections.equalize)
        prepare(net, quantization_of(job.config))
        calibrate(net, job.batches)
        batches = few(job.batches)
        exact = exact_outputs(net.eval(), batches)
        noise = dict(known)
        for part, layers in parts_of(job).items():
            if part not in noise:
                noise[part] = part_noise(net, layers, batches, exact)
                on_part(part, noise)
    return noise


def parts_of(job: PtqInputs) -> dict[str, tuple[str, ...]]:
    """Part -> its layers; the trunk by stages, each head whole."""
    trunk = set(job.folded.nodes) - set(job.folded.heads.values())
    return network_parts([call.name for call in read_program(job.folded).convs], trunk)


def rank_parts(job: PtqInputs, noise: Noise, tasks: Collection[str]) -> list[tuple[str, str]]:
    """(part, its not_quant_pattern), the one that makes most noise in `tasks` first; parts without any are left out."""
    layers = [layer for own in parts_of(job).values() for layer in own]
    totals = {part: sum(by_task[task] for task in tasks) for part, by_task in noise.items()}
    return [(part, part_pattern(part, layers)) for part in sorted(totals, key=totals.__getitem__, reverse=True) if totals[part] > 0]


def save_noise(path: Path, made_for: Mapping[str, Any], noise: Noise) -> None:
    write_json(path, {"made_for": made_for, "noise_percent": noise}, ADVICE)


def load_noise(path: Path, made_for: Mapping[str, Any]) -> Noise:
    """A table of an earlier run. Raises UserError if it was made for something else."""
    values = read_json(path, "sensitivity table", "remove it, it will be measured anew")
    stored = values.get("made_for") if isinstance(values, dict) else None
    noise = values.get("noise_percent") if isinstance(values, dict) else None
    if not isinstance(stored, dict) or not isinstance(noise, dict):
        raise UserError(f"{path}: no sensitivity table of `mtzoo ptq`; remove it or name another one")
    for key, value in made_for.items():
        if stored.get(key) != value:
            raise UserError(f"{path}: measured for another '{key}'; remove it or {ADVICE}")
    if not all(isinstance(by_task, dict) and sorted(by_task) == made_for["tasks"]
               and all(isinstance(value, float) for value in by_task.values()) for by_task in noise.values()):
        raise UserError(f"{path}: damaged, a part lacks its tasks' numbers; remove it, it will be measured anew")
    return noise


def noise_table(noise: Noise, tasks: Collection[str]) -> Table:
    """A row per part, the noisiest first; a column per task."""
    table = Table("part", *tasks, title="noise when only this part rounds, % of the output's variance")
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for part in sorted(noise, key=lambda p: sum(noise[p][t] for t in tasks), reverse=True):
        table.add_row(part.removeprefix("nodes."), *(f"{noise[part][task]:.2f}" for task in tasks))
    return table


def draw_noise(path: Path, noise: Noise, tasks: Collection[str]) -> None:
    """A bar per part, as PNG."""
    totals = {part: sum(by_task[task] for task in tasks) / len(tasks) for part, by_task in noise.items()}
    bars = [Bar(part.removeprefix("nodes."), ((totals[part], HEAD_COLOR if part.count(".") == 1 else SHARED_COLOR),),
                f"{totals[part]:.2f} %") for part in sorted(totals, key=totals.__getitem__, reverse=True)]
    picture = bar_picture(f"noise when only this part rounds, mean of {', '.join(tasks)}", bars,
                          legend=[("trunk", SHARED_COLOR), ("head", HEAD_COLOR)])
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes(), ADVICE)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON would give it back."""
    return json.loads(json.dumps(values))
