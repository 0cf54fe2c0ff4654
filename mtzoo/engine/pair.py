"""Evaluation of a resize and a crop model: each alone and both merged, on the same original images."""

from collections.abc import Callable

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import make_eval_loader
from mtzoo.engine.evaluate import task_data
from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.evaluation.evaluator import METRICS
from mtzoo.runtime.pair import ModelPair
from mtzoo.structures import Sample

ALONE_AND_MERGED = ("resize", "crop", "merged")
BoxFigures = dict[str, dict[str, dict[str, float]]]
"""task -> "AP" or "AP50" -> size -> percent."""
OtherFigures = dict[str, dict[str, dict[str, float]]]
"""Main metric of a kind, e.g. "mIoU" -> who -> task -> percent."""


def as_read(sample: Sample) -> Sample:
    """A pair looks at the original: each of its networks has a geometry of its own."""
    return sample


def evaluate_pair(pair: ModelPair, config: ExperimentConfig, *, limit: int | None = None,
                  on_progress: Callable[[int, int], None] | None = None) -> tuple[dict[str, BoxFigures], OtherFigures]:
    """(who -> box figures; the main metrics of tasks without boxes) on all val sources of `config`, whose tasks both networks have.

    who: "resize", "crop", "merged". limit: at most so many images of each folder; on_progress(done, total) counts images.
    """
    tasks = [t for t in config.tasks if t.name in pair.resize.classes and t.name in pair.crop.classes]
    metrics = {who: {t.name: METRICS[t.kind](t.name, t.classes) for t in tasks} for who in ALONE_AND_MERGED}
    data = [d for d in task_data(config, "val") if d.task in {t.name for t in tasks}]
    sets = eval_sets(data, as_read, limit)
    done, total = 0, sum(len(eval_set.dataset) for eval_set in sets)
    for eval_set in sets:
        for batch in make_eval_loader(eval_set.dataset, 1, config.env.workers):
            (sample,) = batch.samples
            found = pair.predict_each(sample.image)
            for who in ALONE_AND_MERGED:
                for metric in metrics[who].values():
                    metric.add(getattr(found, who), sample)
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    boxes = {who: {task: metric.by_size() for task, metric in of_who.items() if isinstance(metric, CocoBoxMetric)}
             for who, of_who in metrics.items()}
    others: OtherFigures = {}
    for task in (t for t in tasks if t.name not in boxes["merged"]):
        metric = task.of_kind.main_metric
        for who in ALONE_AND_MERGED:
            others.setdefault(metric, {}).setdefault(who, {})[task.name] = metrics[who][task.name].compute()[metric]
    return boxes, others
