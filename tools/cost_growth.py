"""How cost grows: latency and peak memory against the input's area and the number of heads, memory of `predict` against the images.

    python tools/cost_growth.py --out work_dirs/growth

All networks are the trunk of a config (--config) with random weights, int8, post-processing inside, in OpenVINO. The input has 0.25 to
4 times the area of the config's, with the config's own tasks; or there are 1 to 12 heads of one kind, at the config's size. Latencies
are medians of interleaved rounds, so let nothing else run. Peak memory is that of a process of its own, which loads one file and runs
it. `predict` reads --images pictures: a few hundred rendered ones under many names.

Each finished part is kept in --out, and the same command goes on from there. growth.json there holds all figures; the SVGs show them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from growth_memory import peak_of_model, predict_memory
from growth_networks import AREAS, HEADS, Point, file_of, points_of, write_model
from growth_pictures import draw_all
from one_line_errors import one_line_errors

from mtzoo.cli.numbers import at_least, processes, size
from mtzoo.cli.outputs import output_folder
from mtzoo.console import say
from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import UserError
from mtzoo.progress import format_seconds
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.feeds import noise_feeds
from mtzoo.runtime.timing import interleaved, machine
from mtzoo.strict_json import write_json

RESULTS = "growth.json"
ADVICE = "choose another --out"
Settings = dict[str, Any]


@dataclass
class Record:
    """What is known so far, on disk after each part. settings: what the figures depend on."""

    path: Path
    settings: Settings
    found: dict[str, Any]

    def once(self, key: str, measure: Callable[[], Any]) -> Any:
        """The value of `key`, measured if no earlier run has."""
        if key not in self.found:
            self.keep(key, measure())
        return self.found[key]

    def keep(self, key: str, value: Any) -> None:
        self.found[key] = value
        write_json(self.path, {"settings": self.settings, **self.found}, ADVICE)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR", help="where figures and pictures go")
    parser.add_argument("--config", default="4pe_resize/multitask", help="whose trunk and tasks (%(default)s)")
    parser.add_argument("--hw", type=size("--hw"), metavar="HxW", help="the size with area 1; default: the config's input")
    parser.add_argument("--areas", nargs="+", type=float, default=AREAS, metavar="X", help="times that area (%(default)s)")
    parser.add_argument("--heads", nargs="+", type=at_least(1, "--heads"), default=HEADS, metavar="N", help="of a kind (%(default)s)")
    parser.add_argument("--threads", type=processes("--threads"), default=2, help="CPU threads (2)")
    parser.add_argument("--runs", type=at_least(1, "--runs"), default=20, help="interleaved rounds (20)")
    parser.add_argument("--images", type=at_least(2, "--images"), default=10_000, help="that predict reads (10,000)")
    parser.add_argument("--rendered", type=at_least(1, "--rendered"), default=200, help="different ones among them (200)")
    return parser


@one_line_errors
def main(argv: Sequence[str]) -> int:
    measure(parser().parse_args(argv))
    return 0


def measure(args: argparse.Namespace) -> None:
    """All parts that are not known yet, then the pictures."""
    args.out.mkdir(parents=True, exist_ok=True)
    points = points_of(args.config, args.hw, args.areas, args.heads)
    record = open_record(args, points)
    parts = [(f"network of {point.label}", lambda point=point: write_model(args.out, point, args.config)) for point in points]
    parts += [(f"latency of {series}", lambda series=series: record.once(
        f"latency_ms/{series}", lambda: latencies(args, [p for p in points if p.series == series])))
        for series in dict.fromkeys(point.series for point in points)]
    parts += [(f"memory of {point.label}", lambda point=point: record.once(
        f"peak_mib/{point.name}", lambda: peak_of_model(file_of(args.out, point), args.threads))) for point in points]
    parts += [("memory of an empty process", lambda: record.once("peak_mib/empty", lambda: peak_of_model(None, args.threads))),
              (f"predict on {args.images:,} images",
               lambda: record.once("predict", lambda: predict_memory(args.out, args.images, args.rendered, args.threads)))]
    run_parts(parts)
    record.keep("straight", draw_all(args.out, points, record.found))
    say(f"figures: {args.out / RESULTS}; pictures: " + ", ".join(path.name for path in sorted(args.out.glob("*.svg"))))


def open_record(args: argparse.Namespace, points: list[Point]) -> Record:
    """What an earlier run has left in --out. Raises UserError where it was of other settings."""
    settings = {"config": args.config, "points": {p.name: [p.heads, *p.hw] for p in points}, "threads": args.threads, "runs": args.runs,
                "images": args.images, "rendered": args.rendered, "machine": machine()}
    path = args.out / RESULTS
    held = json.loads(path.read_text()) if path.exists() else {"settings": settings}
    if (before := held.pop("settings")) != settings:
        key = next(key for key in settings if before.get(key) != settings[key])
        raise UserError(f"{path}: measured with another '{key}'; {ADVICE}, or remove it")
    return Record(path, settings, held)


def run_parts(parts: list[tuple[str, Callable[[], Any]]]) -> None:
    """One after another, each told with the time that is left, as the ones before it suggest."""
    started = time.monotonic()
    for number, (what, work) in enumerate(parts):
        passed = time.monotonic() - started
        left = f", about {format_seconds(passed / number * (len(parts) - number))} to go" if number else ""
        say(f"{number + 1} of {len(parts)}, {format_seconds(passed)} passed{left}: {what}")
        work()
    say(f"all in {format_seconds(time.monotonic() - started)}")


def latencies(args: argparse.Namespace, points: list[Point]) -> Mapping[str, float]:
    """Point -> median milliseconds, all in the same rounds."""
    calls = {}
    for point in points:
        file = read_deploy_file(file_of(args.out, point))
        executor, feeds = OpenVinoExecutor(file.model, args.threads), noise_feeds(file.info)
        calls[point.name] = lambda executor=executor, feeds=feeds: executor.run(feeds)
    return {name: median(times) for name, times in interleaved(calls, args.runs, None).items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
