"""What every task loses when one channel group gets narrower, group by group: limits for `prune`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mtzoo.compression import ChannelGroup, channel_groups
from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.engine.channel_sensitivity import (
    POINTS_PER_PASS,
    Point,
    measure_from_scratch,
    measure_original,
    measure_points,
    points_of,
)
from mtzoo.engine.channel_sensitivity_table import (
    Origin,
    SensitivityTable,
    draw_sensitivity,
    load_table,
    new_table,
    sensitivity_rows,
)
from mtzoo.engine.device import single_device
from mtzoo.engine.distributed import run_console
from mtzoo.engine.pruning import importance_scores
from mtzoo.engine.ptq import fold_all, load_float_network
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.locate import find_checkpoint
from mtzoo.locks import lock_output
from mtzoo.models import MultiTaskNet
from mtzoo.progress import follows_console, format_seconds, show_progress
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.settings.pruning import ALIGN, RATIOS, TAYLOR, Pruning

SAME = 0.01
"""Points of a metric: a convolution that sums in another order may turn a pixel between two equal classes."""


@dataclass(frozen=True)
class SensitivityResult:
    """What `measure_sensitivity` returns.

    Attributes:
        table: The measured points.
        file: The JSON file of the table.
        picture: The table as a PNG file.
        same: Whether the points that were measured from scratch have the same metrics.
    """

    table: SensitivityTable
    file: Path
    picture: Path
    same: bool


@follows_console
def measure_sensitivity(checkpoint: CheckpointLike, config: ConfigLike | None = None, *, out: str | Path,
                        ratios: Sequence[float] = RATIOS, limit: int | None = None, importance: str = TAYLOR, align: int = ALIGN,
                        compare_scratch: int = 0, ctx: str | None = None, console: PlainConsole | None = None) -> SensitivityResult:
    """Measure how many points each task loses if a single channel group of a float checkpoint gets narrower.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The table, a `.json` file. If it exists, the measurement continues.
        ratios: The shares (0 to 1) of a group's channels to remove. Default: 0.1, 0.3, 0.5.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        importance: The order in which channels are removed, as in `Pruning`.
        align: The widths that layers keep, as in `Pruning`.
        compare_scratch: Measure this many points from scratch, too, and compare.
        ctx: The device that evaluates: `"cpu"`, `"0"`, or `"auto"` (a GPU if there is one). Default: `env.default_ctx`.
        console: Where progress and tables are printed. Default: stdout.

    Raises:
        UserError: The ratios are too small for every group, `out` is the table of another network, or its picture would
            overwrite a file.
    """
    out, path, console = Path(out), find_checkpoint(checkpoint), console or run_console()
    check_ratios(out, ratios)
    Pruning(None, importance=importance, align=align)  # checks both
    config = adopt_checkpoint(config_for(path, config), path, console)
    device = single_device(ctx or config.env.default_ctx)
    say_folders(config, console, "val")
    net = load_float_network(config, path)
    origin = Origin.of(config, path, importance, align, limit)
    _lock = lock_output(out, "choose another --out")
    picture = out.with_suffix(".png")
    held = load_table(out, origin, same_images=True) if out.exists() else None
    if held is None and picture.exists():
        raise UserError(f"--out {out}: its picture would overwrite {picture}; choose another --out, or move that away")
    groups = {g.name: g for g in channel_groups(read_program(net), importance_scores(config, net, importance), align)}
    points = points_of(list(groups.values()), ratios)
    if all(groups[point.group].kind == "block" for point in points):
        raise UserError(f"--ratios {','.join(map(str, ratios))}, --align {align}: no group can lose that little; give larger ratios")
    folded = fold_all(net, config).to(device)
    table = held or new_table(origin, measure_original(config, folded, limit))
    seconds = measure(config, folded, groups, points, table, out, console)
    console.print(sensitivity_rows(table))
    draw_sensitivity(picture, table)
    console.print(f"table: {out}, picture: {picture}")
    same = not compare_scratch or measured_alike(config, folded, groups, points, table, compare_scratch, seconds, console)
    return SensitivityResult(table, out, picture, same)


def check_ratios(out: Path, ratios: Sequence[float]) -> None:
    """Raises UserError for a table without .json, and for others than numbers between 0 and 1."""
    if not ratios or not all(0 < ratio < 1 for ratio in ratios):
        raise UserError(f"--ratios {','.join(map(str, ratios))}: shares to remove, each between 0 and 1")
    if out.suffix != ".json":
        raise UserError(f"--out {out}: the file must end in .json; its picture gets the same name with .png")


def measure(config: ExperimentConfig, folded: MultiTaskNet, groups: Mapping[str, ChannelGroup], points: Sequence[Point],
            table: SensitivityTable, out: Path, console: PlainConsole) -> float | None:
    """Measure the points that the table lacks, pass by pass, saving it after each. Seconds per point; None if it lacked none."""
    missing = table.missing(points)
    console.print(f"{len(groups)} channel groups, {len(points)} points, {len(points) - len(missing)} measured before")
    begun, largest = time.perf_counter(), 0

    def watch(results: Mapping[str, torch.Tensor]) -> None:
        nonlocal largest
        largest = max(largest, sum(value.numel() * value.element_size() for value in results.values()))

    for start in range(0, len(missing), POINTS_PER_PASS):
        some = missing[start:start + POINTS_PER_PASS]
        with show_progress(f"points {start + 1} to {start + len(some)} of {len(missing)}, images", transient=True) as on_progress:
            table.add(groups, measure_points(config, folded, groups, some, table.original, table.made_for.limit, watch, on_progress))
        table.save(out)
        done, passed = start + len(some), time.perf_counter() - begun
        console.print(f"{done} of {len(missing)} points, {format_seconds(passed)}, about "
                      f"{format_seconds(passed / done * (len(missing) - done))} left")
    if not missing:
        return None
    console.print(f"feature maps held for the points of a batch: {largest / 2**20:.0f} MiB")
    return (time.perf_counter() - begun) / len(missing)


def measured_alike(config: ExperimentConfig, folded: MultiTaskNet, groups: Mapping[str, ChannelGroup], points: Sequence[Point],
                   table: SensitivityTable, count: int, seconds: float | None, console: PlainConsole) -> bool:
    """Measure `count` evenly spread points by themselves; whether all metrics are the same. seconds: per point, of the table."""
    known = {Point(m.group, m.count): m.metrics for m in table.points}
    chosen = [points[i * len(points) // count] for i in range(min(count, len(points)))]
    begun, different = time.perf_counter(), 0
    for point in chosen:
        found = measure_from_scratch(config, folded, groups, point, table.made_for.limit)
        truths = {task: value for task, value in known[point].items() if value is not None}
        distance = max((abs(value - found[task]) for task, value in truths.items()), default=0.0)
        different += distance > SAME
        console.print(f"{point.group.removeprefix('nodes.')} with {point.count}, by itself: at most {distance:.2g} points off")
    scratch = (time.perf_counter() - begun) / len(chosen)
    ratio = "" if seconds is None else f"; {seconds:.2f} s in the table, {scratch / seconds:.1f} times less"
    console.print(f"{len(chosen)} points by themselves: {different} with other metrics, {scratch:.2f} s each{ratio}")
    return not different
