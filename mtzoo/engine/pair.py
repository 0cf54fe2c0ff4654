"""Evaluation of a resize and a crop model: each alone and both merged, on the same original images."""

from collections.abc import Callable

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import make_eval_loader
from mtzoo.engine.evaluate import task_data
from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.evaluation.segmentation import MeanIoU
from mtzoo.runtime.pair import ModelPair
from mtzoo.structures import Sample

ALONE_AND_MERGED = ("resize", "crop", "merged")
BoxFigures = dict[str, dict[str, dict[str, float]]]
"""task -> "AP" or "AP50" -> size -> percent."""


def as_read(sample: Sample) -> Sample:
    """A pair looks at the original: each of its networks has a geometry of its own."""
    return sample


def evaluate_pair(pair: ModelPair, config: ExperimentConfig, *, limit: int | None = None,
                  on_progress: Callable[[int, int], None] | None = None) -> tuple[dict[str, BoxFigures], dict[str, dict[str, float]]]:
    """(who -> box figures, who -> task -> mIoU in percent) on all val sources of `config`, whose tasks both networks have.

    who: "resize", "crop", "merged". limit: at most so many images of each folder; on_progress(done, total) counts images.
    """
    tasks = [t for t in config.tasks if t.name in pair.resize.classes and t.name in pair.crop.classes]
    boxes = {who: {t.name: CocoBoxMetric(t.name, t.classes) for t in tasks if t.kind == "detection"} for who in ALONE_AND_MERGED}
    maps = {who: {t.name: MeanIoU(t.name, t.classes) for t in tasks if t.kind == "segmentation"} for who in ALONE_AND_MERGED}
    data = [d for d in task_data(config, "val") if d.task in {t.name for t in tasks}]
    sets = eval_sets(data, as_read, limit)
    done, total = 0, sum(len(eval_set.dataset) for eval_set in sets)
    for eval_set in sets:
        for batch in make_eval_loader(eval_set.dataset, 1, config.env.workers):
            (sample,) = batch.samples
            found = pair.predict_each(sample.image)
            for who in ALONE_AND_MERGED:
                for metric in (*boxes[who].values(), *maps[who].values()):
                    metric.add(getattr(found, who), sample)
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return ({who: {task: metric.by_size() for task, metric in boxes[who].items()} for who in ALONE_AND_MERGED},
            {who: {task: metric.compute()["mIoU"] for task, metric in maps[who].items()} for who in ALONE_AND_MERGED})
