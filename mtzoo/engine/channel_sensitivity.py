"""What each task loses when one channel group gets narrower: all points of a pass share one reading and one run of the images.

A pass goes over the validation images once. Of each batch the original network's feature maps are kept, and every point runs only
the layers that differ from it, for the tasks that the images have labels of. The metrics are those of evaluating each pruned
network by itself, but for the last bits of float sums.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from mtzoo.compression import ChannelGroup, removed_channels
from mtzoo.compression.partial_run import PartialProgram, Results, needed_calls, pruned_part, run_calls
from mtzoo.compression.prepacked import pack
from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import EvalBatch, make_eval_loader
from mtzoo.data.pipeline import EvalPipeline
from mtzoo.engine.evaluate import evaluate_shown, network_predictor, task_data
from mtzoo.engine.pruning import without
from mtzoo.evaluation.evaluator import METRICS
from mtzoo.evaluation.segmentation import CellCounts, MeanIoU
from mtzoo.graph import IMAGES, Program, read_program
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.ops.label_maps import label_map_cells
from mtzoo.ops.precision import exact_float32
from mtzoo.postprocess.label_map import label_map
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.structures import RawOutputs, Sample
from mtzoo.task_kind import task_kind

BATCH_SIZE = 4
POINTS_PER_PASS = 12
"""Their predictions of all images are in memory together; one run of the original is shared by so many points."""


@dataclass(frozen=True)
class Point:
    """One channel group with `count` of its units left, everything else whole."""

    group: str
    count: int


TaskMetrics = dict[str, float | None]
"""Task -> its main metric in percent, see `mtzoo.task_kind`; NaN or None without ground truth."""


def points_of(groups: Sequence[ChannelGroup], ratios: Sequence[float]) -> list[Point]:
    """The points at which at most such shares of each group go; equal ones once, those that remove nothing not at all. Of a
    residual block there is one: without it."""
    found = []
    for group in groups:
        counts = [0] if group.kind == "block" else dict.fromkeys(map(group.count_at, sorted(ratios)))
        found += [Point(group.name, count) for count in counts if count < len(group.units)]
    return found


class Score:
    """Metrics of one network over all images seen so far: of those tasks whose outputs it has."""

    def __init__(self, config: ExperimentConfig, tasks: Collection[str]) -> None:
        self.kinds = {task: kind for task, kind in config.kinds.items() if task in tasks}
        self.decoders = {task.name: task.decoder for task in config.tasks}
        self.metrics = {task: METRICS[kind](task, config.classes[task]) for task, kind in self.kinds.items()}

    def add(self, outputs: RawOutputs, samples: Sequence[Sample], counts: "MaskCounts") -> None:
        """Count a batch's raw outputs of some tasks."""
        read = {task: maps for task, maps in outputs.items() if not isinstance(self.metrics[task], MeanIoU)}
        predictions = to_prediction(read, [s.affine for s in samples], [s.original_hw for s in samples], self.decoders)
        for task in read:
            for prediction, sample in zip(predictions, samples):
                self.metrics[task].add(prediction, sample)
        for task in outputs.keys() - read.keys():  # of label maps by their cells: there are many networks for one mask
            labels = label_map(outputs[task]["logits"], self.decoders[task]).cpu().numpy()
            for n, sample in enumerate(samples):
                if task in sample.masks:
                    self.metrics[task].confusion += counts.of(task, n, labels[n].shape).confusion(labels[n])

    def main(self) -> TaskMetrics:
        return {task: metric.compute()[task_kind(self.kinds[task]).main_metric] for task, metric in self.metrics.items()}


class MaskCounts:
    """The masks of a batch, counted by label-map cells once for all networks."""

    def __init__(self, config: ExperimentConfig, samples: Sequence[Sample]) -> None:
        self.samples, self.tasks = samples, {task.name: task for task in config.tasks}
        self._found: dict[tuple[str, int], CellCounts] = {}

    def of(self, task: str, n: int, map_hw: tuple[int, int]) -> CellCounts:
        """The counts of the n-th sample, whose label map has map_hw cells."""
        if (task, n) not in self._found:
            sample, spec = self.samples[n], self.tasks[task]
            cells = label_map_cells(map_hw, spec.decoder.map_stride, sample.affine, sample.original_hw)
            self._found[task, n] = CellCounts(sample.masks[task], cells, map_hw[0] * map_hw[1], len(spec.classes))
        return self._found[task, n]


def measure_original(config: ExperimentConfig, folded: MultiTaskNet, limit: int | None) -> TaskMetrics:
    """The main metrics of the network as it is, on its device. limit: at most so many images of each folder."""
    predict = network_predictor(folded, config, device_of(folded))
    return _main(evaluate_shown("evaluating", predict, config, batch_size=BATCH_SIZE, limit=limit), config)


def measure_from_scratch(config: ExperimentConfig, folded: MultiTaskNet, groups: Mapping[str, ChannelGroup], point: Point,
                         limit: int | None) -> TaskMetrics:
    """The same for a pruned network by itself: what `measure_points` is checked and timed against."""
    return measure_original(config, without(folded, _removed(groups, point)), limit)


@torch.no_grad()
def measure_points(config: ExperimentConfig, folded: MultiTaskNet, groups: Mapping[str, ChannelGroup], points: Sequence[Point],
                   original: TaskMetrics, limit: int | None = None,
                   on_batch: Callable[[Results], None] = lambda results: None,
                   on_progress: Callable[[int, int], None] = lambda done, total: None) -> dict[Point, TaskMetrics]:
    """Main metrics at each point, in one pass. folded: the float network without BN, on the device that runs it; original: its own
    metrics, which tasks keep that a group does not reach; on_batch: shown the feature maps that a batch's points share;
    on_progress(done, total): images."""
    plain, packed = read_program(folded), {}
    program = pack(plain, packed)
    parts = [PartialProgram(pack(pruned_part(plain, _removed(groups, point)).program, packed)) for point in points]
    scores = [Score(config, part.program.outputs) for part in parts]
    device = device_of(folded)
    with exact_float32(), _workers(device) as pool:
        for batch, tasks in _batches(config, limit, on_progress):
            shared = _shared_results(program, parts, tasks, batch.images.to(device))
            on_batch(shared)
            add = partial(_add_batch, shared, tasks, batch, MaskCounts(config, batch.samples))
            for done in [pool.submit(add, part, score) for part, score in zip(parts, scores)]:
                done.result()
    return {point: {**original, **score.main()} for point, score in zip(points, scores)}


def _add_batch(shared: Results, tasks: Collection[str], batch: EvalBatch, counts: MaskCounts, part: PartialProgram,
               score: Score) -> None:
    score.add(part.outputs(shared, tasks), batch.samples, counts)


def device_of(net: nn.Module) -> torch.device:
    """Where its parameters are."""
    return next(net.parameters()).device


@contextmanager
def _workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """On the CPU as many workers as torch has threads, one thread each: points side by side leave no core idle, layers split in two
    do. A GPU runs one point after another."""
    if device.type != "cpu":
        with ThreadPoolExecutor(1) as pool:
            yield pool
        return
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def _batches(config: ExperimentConfig, limit: int | None,
             on_progress: Callable[[int, int], None]) -> Iterator[tuple[EvalBatch, set[str]]]:
    """The batches of `evaluate`, each with the tasks that it has labels of."""
    sets = eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry), limit)
    done, total = 0, sum(len(eval_set.dataset) for eval_set in sets)
    for eval_set in sets:
        for batch in make_eval_loader(eval_set.dataset, BATCH_SIZE, config.env.workers):
            yield batch, {task for sample in batch.samples for task in sample.labelled}
            done += len(batch.samples)
            on_progress(done, total)


def _shared_results(program: Program, parts: Collection[PartialProgram], tasks: Collection[str], images: Tensor) -> Results:
    """The original's feature maps that some part reads, for the outputs of `tasks`. images: (N, 3, H, W) uint8 on its device."""
    read = set().union(*(part.reads(tasks) for part in parts))
    inputs = normalize_image(images).contiguous(memory_format=torch.channels_last)
    calls = needed_calls(program, {"": {name: name for name in read}})
    results = {IMAGES: inputs, **run_calls(calls, {IMAGES: inputs})}
    return {name: results[name] for name in read}


def _removed(groups: Mapping[str, ChannelGroup], point: Point) -> Mapping[str, Collection[int]]:
    return removed_channels({point.group: point.count}, [groups[point.group]])


def _main(metrics: Mapping[str, float], config: ExperimentConfig) -> TaskMetrics:
    return {task.name: metrics[f"{task.name}/{task.of_kind.main_metric}"] for task in config.tasks}
