"""One evaluator for every network and executor: whatever turns uint8 images into raw outputs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from operator import itemgetter

import torch
from torch import Tensor, nn

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import EvalBatch, make_eval_loader
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline
from mtzoo.data.sources import TaskData
from mtzoo.deploy.logits import exact_decoders
from mtzoo.engine.distributed import from_main, gather, is_main, largest, rank, world_size
from mtzoo.errors import UserError
from mtzoo.evaluation.details import Details
from mtzoo.evaluation.evaluator import Evaluator
from mtzoo.layers import normalize_image
from mtzoo.ops.precision import exact_float32
from mtzoo.postprocess.decoders import Decoder
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.progress import show_progress
from mtzoo.signals import Stop
from mtzoo.structures import Prediction, RawOutputs, Sample, flatten_outputs

Executor = Callable[[Tensor], RawOutputs]
"""uint8 images (N, 3, H, W) BGR -> raw outputs, float32."""
Predictor = Callable[[EvalBatch], list[Prediction]]
"""A batch of validation images -> what the network says of each, in original pixels."""


def network_executor(net: nn.Module, device: torch.device) -> Executor:
    """A float or fake-quant network in float32."""

    def run(images: Tensor) -> RawOutputs:
        inputs = normalize_image(images.to(device)).contiguous(memory_format=torch.channels_last)
        return net(inputs)

    return run


def network_predictor(net: nn.Module, config: ExperimentConfig, device: torch.device) -> Predictor:
    """A float or fake-quant network with the config's post-processing, that of its deploy model to the last bit."""
    decoders = exact_decoders(net, {task.name: task.decoder for task in config.tasks})
    return raw_predictor(network_executor(net, device), decoders)


def raw_predictor(execute: Executor, decoders: Mapping[str, Decoder]) -> Predictor:
    """An executor of raw outputs with post-processing after it. It raises UserError for outputs that are not finite."""

    def predict(batch: EvalBatch) -> list[Prediction]:
        affines = [sample.affine for sample in batch.samples]
        raw = execute(batch.images)
        check_finite(raw, batch)
        return to_prediction(raw, affines, [s.original_hw for s in batch.samples], decoders)

    return predict


def check_finite(raw: RawOutputs, batch: EvalBatch) -> None:
    """Raises UserError for outputs that are not finite."""
    if wild := next((name for name, value in flatten_outputs(raw).items() if not bool(torch.isfinite(value).all())), None):
        raise UserError(f"{batch.samples[0].path}: the network's output '{wild}' is not finite here: its training has diverged; "
                        "lower the learning rate or use another checkpoint")


def task_data(config: ExperimentConfig, split: str) -> list[TaskData]:
    """The data side's view of the tasks. split: "train" or "val"."""
    return [TaskData(t.name, t.kind, t.classes, t.train_sources if split == "train" else t.val_sources, t.oversample_thr)
            for t in config.tasks]


def train_pipeline(config: ExperimentConfig) -> TrainPipeline:
    """What a training does with each sample."""
    return TrainPipeline(config.train_geometry, config.photometric, config.augmentation, config.mask_classes)


def details_of(config: ExperimentConfig) -> Details:
    """Empty details, which `evaluate` fills."""
    return Details(config.kinds, config.classes)


class CutShort(Exception):
    """An evaluation that a signal has ended."""


class Found:
    """What is found out of images: their metrics, and details where they are asked for."""

    def __init__(self, config: ExperimentConfig, details: Details | None) -> None:
        self.evaluator, self.details = Evaluator(config.kinds, config.classes), details

    def add(self, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> None:
        self.evaluator.update(predictions, samples)
        if self.details is not None:
            self.details.update(predictions, samples)

    def merge(self, later: "Found") -> None:
        """Add the images of another one after one's own."""
        self.evaluator.merge(later.evaluator)
        if self.details is not None:
            self.details.merge(later.details)


@torch.no_grad()
def evaluate(predict: Predictor, config: ExperimentConfig, *, batch_size: int = 4, limit: int | None = None,
             details: Details | None = None, on_progress: Callable[[int, int], None] | None = None, spread: bool = False,
             stop: Stop | None = None) -> dict[str, float]:
    """Metrics in percent on all val sources: "seg_default/mIoU", "seg_default/<source>/mIoU", "det_person/AP50", ...

    limit: of each folder the first so many images, whatever the batch size; details: collects what else there is to show;
    on_progress(done, total) counts images; spread: all processes are here, and each evaluates a share of the batches: all get the
    metrics that one process would find, the main one gets the details; stop: CutShort is raised when a signal has come, in all of them.
    """
    count, mine = world_size() if spread else 1, rank() if spread else 0
    sets = eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry), limit)
    done, total = 0, sum(len(eval_set.dataset) for eval_set in sets)
    whole, parts = Found(config, details), []
    with exact_float32():
        for place, eval_set in enumerate(sets):
            for i, batch in enumerate(make_eval_loader(eval_set.dataset, batch_size, config.env.workers, rank=mine, ranks=count)):
                if stop is not None and stop.number:
                    break
                found = whole if count == 1 else Found(config, None if details is None else details_of(config))
                found.add(predict(batch), batch.samples)
                parts.append((place, mine + i * count, found))
                done = min(total, done + len(batch.samples) * count)
                if on_progress is not None:
                    on_progress(done, total)
    if stop is not None and (largest(stop.number) if spread else stop.number):
        raise CutShort
    if count == 1:
        return whole.evaluator.compute()
    for _, _, found in sorted(chain.from_iterable(gather(parts)), key=itemgetter(0, 1)):
        whole.merge(found)
    return from_main(whole.evaluator.compute() if is_main() else None)


def evaluate_shown(title: str, predict: Predictor, config: ExperimentConfig, *, batch_size: int = 4, limit: int | None = None,
                   details: Details | None = None, spread: bool = False, stop: Stop | None = None) -> dict[str, float]:
    """`evaluate`, its progress shown on stderr under a title, by the main process."""
    with show_progress(title, transient=True) if is_main() else nullcontext() as on_progress:
        return evaluate(predict, config, batch_size=batch_size, limit=limit, details=details, on_progress=on_progress, spread=spread,
                        stop=stop)
