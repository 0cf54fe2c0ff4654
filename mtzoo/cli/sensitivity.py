"""What every task loses when one channel group gets narrower, group by group: a table, a plot, and limits for `mtzoo prune`.

    mtzoo sensitivity --config real_resize/multitask --model-path with-bn-float-last.pt --out table.json
    mtzoo sensitivity --config real_resize/multitask --model-path with-bn-float-last.pt --out table.json --limit 20 --compare-scratch 3
    mtzoo prune --config real_resize/multitask --model-path with-bn-float-last.pt --sensitivity table.json --max-drop 1

The file is saved after each pass over the images, a few groups at a time; the same command goes on with it. FILE.png shows it.
Exit code 1: with --compare-scratch, a point measured by itself has other metrics.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from mtzoo.cli.arguments import (
    add_config_arguments,
    add_model_path_argument,
    adopt_checkpoint,
    config_from_arguments,
    run_console,
)
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.numbers import at_least
from mtzoo.cli.outputs import output_file
from mtzoo.compression import IMPORTANCES, ChannelGroup, channel_groups
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
from mtzoo.engine.progress import format_seconds
from mtzoo.engine.pruning import Pruning, importance_scores
from mtzoo.engine.ptq import fold_all, load_float_network
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.locks import lock_output
from mtzoo.models import MultiTaskNet

HELP = "measure what each task loses when single channel groups get narrower"
DEFAULTS = Pruning(0.5)
RATIOS = (0.1, 0.3, 0.5)
SAME = 0.01
"""Points of a metric: a convolution that sums in another order may turn a pixel between two equal classes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    add_model_path_argument(parser)
    parser.add_argument("--out", type=output_file("--out"), required=True, metavar="FILE",
                        help="the table, .json; one of this network is gone on with")
    parser.add_argument("--ratios", default=",".join(map(str, RATIOS)), metavar="R,R",
                        help="shares of a group that go (%(default)s)")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--importance", choices=IMPORTANCES, default=DEFAULTS.importance,
                        help=f"which channels of a group go first ({DEFAULTS.importance})")
    parser.add_argument("--align", type=at_least(1, "--align"), default=DEFAULTS.align, metavar="N",
                        help=f"see mtzoo prune ({DEFAULTS.align})")
    parser.add_argument("--compare-scratch", type=at_least(0, "--compare-scratch"), default=0, metavar="K",
                        help="measure K of the points by themselves, too: the same metrics, and how many times the work")


def run(args: argparse.Namespace) -> int:
    ratios = _ratios(args.ratios)
    if args.out.suffix != ".json":
        raise UserError(f"--out {args.out}: the file has to end in .json; its picture gets the same name with .png")
    Pruning(None, importance=args.importance, align=args.align)  # checks both
    config, console = config_from_arguments(args), run_console()
    config = adopt_checkpoint(config, args.model_path, console)
    say_folders(config, "val")
    net = load_float_network(config, args.model_path)
    origin = Origin.of(config, args.model_path, args.importance, args.align, args.limit)
    _lock = lock_output(args.out, "choose another --out")
    held = load_table(args.out, origin, same_images=True) if args.out.exists() else None
    groups = {g.name: g for g in channel_groups(read_program(net), importance_scores(config, net, args.importance), args.align)}
    points = points_of(list(groups.values()), ratios)
    if all(groups[point.group].kind == "block" for point in points):
        raise UserError(f"--ratios {args.ratios}, --align {args.align}: no group can lose that little; give larger ratios")
    folded = fold_all(net, config)
    table = held or new_table(origin, measure_original(config, folded, args.limit))
    seconds = measure(config, folded, groups, points, table, args.out, console)
    console.print(sensitivity_rows(table))
    draw_sensitivity(args.out.with_suffix(".png"), table)
    console.print(f"table: {args.out}, picture: {args.out.with_suffix('.png')}")
    if args.compare_scratch:
        return 0 if compare_scratch(config, folded, groups, points, table, args.compare_scratch, seconds, console) else 1
    return 0


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
        table.add(groups, measure_points(config, folded, groups, some, table.original, table.made_for.limit, watch))
        table.save(out)
        done, passed = start + len(some), time.perf_counter() - begun
        console.print(f"{done} of {len(missing)} points, {format_seconds(passed)}, about "
                      f"{format_seconds(passed / done * (len(missing) - done))} left")
    if not missing:
        return None
    console.print(f"feature maps held for the points of a batch: {largest / 2**20:.0f} MiB")
    return (time.perf_counter() - begun) / len(missing)


def compare_scratch(config: ExperimentConfig, folded: MultiTaskNet, groups: Mapping[str, ChannelGroup], points: Sequence[Point],
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


def _ratios(text: str) -> list[float]:
    """"0.1,0.3" -> [0.1, 0.3]. Raises UserError for others than numbers between 0 and 1."""
    try:
        ratios = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--ratios {text}: numbers with commas between are wanted, e.g. 0.1,0.3") from error
    if not all(0 < ratio < 1 for ratio in ratios):
        raise UserError(f"--ratios {text}: shares that go, each between 0 and 1")
    return ratios
