"""A resize and a crop model on the same validation data: each alone and merged, and the pair's latency."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.data.dataset import eval_sets
from mtzoo.engine.distributed import run_console
from mtzoo.engine.evaluate import task_data
from mtzoo.engine.pair import BoxFigures, as_read
from mtzoo.engine.pair import evaluate_pair as evaluate_models
from mtzoo.locate import find_model
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.evaluate import NO_OPTIONS, check_data
from mtzoo.recipes.models import model_config, note_idle_model_options
from mtzoo.recipes.window_file import read_window
from mtzoo.runtime.bench_pair import PairBenchReport, bench_pair
from mtzoo.runtime.pair import ModelPair


@dataclass(frozen=True)
class PairResult:
    """What `evaluate_pair` returns.

    Attributes:
        boxes: `"resize"`, `"crop"` or `"merged"` -> task -> `"AP"` or `"AP50"` -> size of the boxes -> percent.
        others: The main metric of tasks without boxes, e.g. `"mIoU"` -> `"resize"`, `"crop"` or `"merged"` -> task -> percent.
        latency: The latency of the pair. None if it was not measured.
    """

    boxes: Mapping[str, BoxFigures]
    others: Mapping[str, Mapping[str, Mapping[str, float]]]
    latency: PairBenchReport | None


@follows_console
def evaluate_pair(resize: str | Path, crop: str | Path, *, window: str | Path | None = None, options: Mapping[str, Any] = NO_OPTIONS,
                  limit: int | None = None, threads: int = 2, runs: int = 30, render: bool = False,
                  console: PlainConsole | None = None) -> PairResult:
    """Evaluate a resize and a crop model, each alone and merged, on the validation data of the crop model's config.

    Args:
        resize: The deploy model of the whole image: a file, or the name of a zoo model.
        crop: The deploy model of a window at full resolution.
        window: A JSON file with another position of the window. Default: as in the crop model.
        options: Dotted keys of the crop model's config and their values. Only its data can change.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: CPU threads of both models.
        runs: Interleaved rounds of the latency measurement. 0: latency is not measured.
        render: Render synthetic scenes that do not exist yet.
        console: Where data folders and progress are printed. Default: stdout.

    Raises:
        UserError: The models are no pair, or data are missing.
    """
    whole = find_model(resize)
    pair = ModelPair.load(whole, find_model(crop), threads=threads, window=read_window(Path(window)) if window else None)
    config = model_config(pair.crop, options)
    note_idle_model_options(pair.crop, options, "eval-pair")
    check_data(config, console or run_console(), render=render)
    with show_progress("evaluating", transient=True) as on_progress:
        boxes, others = evaluate_models(pair, config, limit=limit, on_progress=on_progress)
    return PairResult(boxes, others, measure(pair, whole, config, threads, runs) if runs else None)


def measure(pair: ModelPair, resize: Path, config: ExperimentConfig, threads: int, runs: int) -> PairBenchReport:
    """Latencies on the first validation image."""
    image = eval_sets(task_data(config, "val"), as_read)[0].dataset[0].image
    with show_progress("measuring latency", transient=True) as on_progress:
        return bench_pair(pair, resize, image, threads, runs, lambda done: on_progress(done, runs))
