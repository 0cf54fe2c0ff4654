"""One evaluator for every network and executor: whatever turns uint8 images into raw outputs."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mtzoo.config import ExperimentConfig
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import EvalBatch, make_eval_loader
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline
from mtzoo.data.sources import TaskData
from mtzoo.deploy.logits import exact_decoders
from mtzoo.errors import UserError
from mtzoo.evaluation.details import Details
from mtzoo.evaluation.evaluator import Evaluator
from mtzoo.layers import normalize_image
from mtzoo.ops.precision import exact_float32
from mtzoo.postprocess.prediction import Decoder, to_prediction
from mtzoo.progress import show_progress
from mtzoo.structures import Prediction, RawOutputs, flatten_outputs

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
        if wild := next((name for name, value in flatten_outputs(raw).items() if not bool(torch.isfinite(value).all())), None):
            raise UserError(f"{batch.samples[0].path}: the network's output '{wild}' is not finite here: its training has diverged; "
                            "lower the learning rate or use another checkpoint")
        return to_prediction(raw, affines, [s.original_hw for s in batch.samples], decoders)

    return predict


def task_data(config: ExperimentConfig, split: str) -> list[TaskData]:
    """The data side's view of the tasks. split: "train" or "val"."""
    return [TaskData(t.name, t.kind, t.classes, t.train_sources if split == "train" else t.val_sources, t.oversample_thr)
            for t in config.tasks]


def train_pipeline(config: ExperimentConfig) -> TrainPipeline:
    """What a training does with each sample."""
    return TrainPipeline(config.train_geometry, config.photometric, config.augmentation, config.mask_classes)


def details_of(config: ExperimentConfig) -> Details:
    """For `evaluate`: nothing collected yet."""
    return Details(config.kinds, config.classes)


@torch.no_grad()
def evaluate(predict: Predictor, config: ExperimentConfig, *, batch_size: int = 4, limit: int | None = None,
             details: Details | None = None, on_progress: Callable[[int, int], None] | None = None) -> dict[str, float]:
    """Metrics in percent on all val sources: "seg_default/mIoU", "seg_default/<source>/mIoU", "det_person/AP50", ...

    limit: of each folder the first so many images, whatever the batch size; details: collects what else there is to show;
    on_progress(done, total) counts images.
    """
    evaluator = Evaluator(config.kinds, config.classes)
    sets = eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry), limit)
    done, total = 0, sum(len(eval_set.dataset) for eval_set in sets)
    with exact_float32():
        for eval_set in sets:
            for batch in make_eval_loader(eval_set.dataset, batch_size, config.env.workers):
                predictions = predict(batch)
                evaluator.update(predictions, batch.samples)
                if details is not None:
                    details.update(predictions, batch.samples)
                done += len(batch.samples)
                if on_progress is not None:
                    on_progress(done, total)
    return evaluator.compute()


def evaluate_shown(title: str, predict: Predictor, config: ExperimentConfig, *, batch_size: int = 4,
                   limit: int | None = None, details: Details | None = None) -> dict[str, float]:
    """`evaluate`, its progress shown on stderr under a title."""
    with show_progress(title, transient=True) as on_progress:
        return evaluate(predict, config, batch_size=batch_size, limit=limit, details=details, on_progress=on_progress)
