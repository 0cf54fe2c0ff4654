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
from mtzoo.recipes.idle_options import note_idle_model_options
from mtzoo.recipes.models import load_pair, model_config, read_window
from mtzoo.runtime.bench_pair import PairBenchReport, bench_pair
from mtzoo.runtime.pair import ModelPair


@dataclass(frozen=True)
class PairResult:
    """boxes: "resize", "crop" or "merged" -> task -> "AP" or "AP50" -> size -> percent; others: main metric of tasks without boxes,
    e.g. "mIoU" -> the same who -> task -> percent; latency: None if it was not measured."""

    boxes: Mapping[str, BoxFigures]
    others: Mapping[str, Mapping[str, Mapping[str, float]]]
    latency: PairBenchReport | None


@follows_console
def evaluate_pair(resize: str | Path, crop: str | Path, *, window: str | Path | None = None, options: Mapping[str, Any] = NO_OPTIONS,
                  limit: int | None = None, threads: int = 2, runs: int = 30, render: bool = False,
                  console: PlainConsole | None = None) -> PairResult:
    """Evaluate two deploy models, each alone and merged, on the validation data of the crop model's config, in original pixels.

    window: a JSON file that says where the crop model's window stands; options: of its config, only its data can change; limit: images
    of each folder; runs: interleaved rounds of the latency, 0 for none; render: whether synthetic scenes that are not there may be
    made. Raises UserError for models that are no pair, and for data that are not there.
    """
    whole = find_model(resize)
    pair = load_pair(whole, find_model(crop), read_window(Path(window)) if window else None, "openvino", threads)
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
