"""What was removed, kept beside the result: as a file to go on from, a table and a picture."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
from rich.table import Table

from mtzoo.compression import removed_channels
from mtzoo.compression.blocks import Removed
from mtzoo.config import ExperimentConfig
from mtzoo.data.json_file import read_json
from mtzoo.engine.fingerprint import ADVICE, check_resumed, file_hash
from mtzoo.engine.pruning import PruningPlan
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.graph import Program
from mtzoo.plain_data import convert
from mtzoo.settings.pruning import Pruning
from mtzoo.strict_json import write_json
from mtzoo.visualization.bars import Bar, bar_picture

RECORD, PICTURE = "pruning.json", "pruning.png"
COUNTED = {"channels": "all", "slices": "per group", "block": "block"}
KEPT_COLOR, REMOVED_COLOR = (180, 120, 60), (215, 215, 215)  # BGR


def made_for(config: ExperimentConfig, checkpoint: Path, pruning: Pruning, limits: Mapping[str, int] | None) -> dict[str, Any]:
    """What a plan depends on: with other values it is another plan."""
    return {"checkpoint": file_hash(checkpoint), "tasks": sorted(config.classes), **asdict(pruning),
            "limits": None if limits is None else dict(limits)}


def save_record(path: Path, origin: Mapping[str, Any], plan: PruningPlan) -> None:
    removed = {layer: sorted(channels) for layer, channels in removed_channels(plan.choice, plan.groups).items()}
    values = {"made_for": origin, "removed": removed, "share_removed": plan.removed,
              "groups": {g.name: {"units": len(g.units), "kept": plan.choice.get(g.name, len(g.units)), "layers": g.layers}
                         for g in plan.groups}}
    write_json(path, values, ADVICE)


def load_record(path: Path, origin: Mapping[str, Any]) -> Removed:
    """Convolution -> its outputs that go, of an interrupted run. Raises UserError if it was made for something else."""
    values = read_json(path, "record of a pruning", "start anew without --resume, in another --out")
    held = values.get("made_for") if isinstance(values, dict) else None
    if not isinstance(held, dict) or "removed" not in values:
        raise UserError(f"{path}: no record of `mtzoo prune`; {ADVICE}")
    check_resumed(path, held, origin)
    return convert(Mapping[str, tuple[int, ...]], values["removed"], f"{path}: removed")


def plan_table(plan: PruningPlan, program: Program) -> Table:
    """A row per narrowed channel group: outputs of its first layer before and after, and how many layers it spans."""
    table = Table("channel group", "outputs", "layers", "before", "after", "", title="narrowed channel groups")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify = "right"
    for name, counted, layers, before, after in _rows(plan, program):
        table.add_row(name, counted, str(layers), str(before), str(after), f"{100 * (after / before - 1):+.0f} %")
    return table


def draw_plan(path: Path, plan: PruningPlan, program: Program) -> None:
    """A bar per narrowed channel group, as PNG."""
    bars = [Bar(name, ((after, KEPT_COLOR), (before - after, REMOVED_COLOR)), f"{before} -> {after}" if after else "block gone")
            for name, _, _, before, after in _rows(plan, program)]
    picture = bar_picture("channels before and after", bars, legend=[("kept", KEPT_COLOR), ("removed", REMOVED_COLOR)])
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes(), ADVICE)


def _rows(plan: PruningPlan, program: Program) -> list[tuple[str, str, int, int, int]]:
    """(name, what is counted, layers, before, after) of the groups that get narrower: all outputs, those in each group, or those of
    the first layer of a block that goes. What is inside of such a block has no row of its own."""
    widths = {call.name: call.module.conv.out_channels for call in program.convs}
    kept = {group.name: plan.choice.get(group.name, len(group.units)) for group in plan.groups}
    gone = {layer for group in plan.groups if group.kind == "block" and not kept[group.name] for layer in group.layers}
    rows = []
    for group in plan.groups:
        units = len(group.units)
        if kept[group.name] < units and (group.kind == "block" or not gone.issuperset(group.layers)):
            before = units if group.kind == "slices" else widths[group.layers[0]]
            rows.append((group.name.removeprefix("nodes."), COUNTED[group.kind], len(group.layers), before,
                         before * kept[group.name] // units))
    return rows
