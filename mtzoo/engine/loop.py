"""One phase of training: batches in, a trained network out, interruptible at any checkpoint."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from mtzoo.config import ExperimentConfig, Phase
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.loader import Load, Loader, load_batch, make_loader
from mtzoo.data.multi_scale import SizeSchedule
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.checkpoint_values import restoring
from mtzoo.engine.checks import check_batch_size
from mtzoo.engine.distributed import average_gradients, largest, without_exchange, wrap
from mtzoo.engine.freezing import frozen, frozen_statistics
from mtzoo.engine.losses import MultiTaskLoss, compute_loss
from mtzoo.engine.optim import build_optimizer, build_schedule, load_optimizer_state, load_schedule_state
from mtzoo.engine.progress import Progress
from mtzoo.engine.step_losses import StepLosses
from mtzoo.engine.sync_bn import synchronized_bn
from mtzoo.engine.validation import Validator
from mtzoo.engine.weight_average import WeightAverage
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.machine import check_memory
from mtzoo.models import MultiTaskNet
from mtzoo.signals import Interrupted, Stop
from mtzoo.structures import Batch

BYTES_OF_A_PIXEL, BYTES_AHEAD = 200, 2 * 3
"""Memory for each pixel of a batch: the feature maps that training keeps, of the smallest networks, and what a worker reads ahead."""


@dataclass
class PhaseState:
    """Everything a phase needs to go on where it stopped. progress: curve and times so far; average: of `WeightAverage`, whose weights
    are then the network's; validation: of `Validator`."""

    iteration: int
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    progress: dict[str, Any]
    average: dict[str, Any] | None = None
    validation: dict[str, Any] | None = None


@dataclass(frozen=True)
class PhaseResult:
    """curve: [(iteration, {loss: mean})]; iterations: fewer than were planned where it stopped early;
    data_wait: share of `seconds` spent waiting for batches."""

    curve: list[tuple[int, dict[str, float]]]
    iterations: int
    seconds: float
    data_wait: float


class BatchStream:
    """Batches without end, epoch after epoch, starting at any iteration of the run.

    batch_size: images that this process takes of each batch; accumulated: batches of an iteration; sizes: those that
    `augmentation.multi_scale` draws from, the largest last; bad_images: counts what is skipped, when the batch is taken and not when a
    worker has read it: resume counts alike.
    """

    def __init__(self, config: ExperimentConfig, dataset: MultiTaskDataset, batch_size: int, bad_images: BadImages, *,
                 accumulated: int = 1, rank: int = 0, world_size: int = 1, pin_memory: bool = False,
                 sizes: Sequence[tuple[int, int]] = ()) -> None:
        self.bad_images, self.batch_size, self.accumulated = bad_images, batch_size, accumulated
        self.sampler = dataset.sampler(config.samples_per_epoch, rank, world_size, config.env.shuffle_chunk_size)
        self.global_batch = batch_size * world_size
        self.crop_hw, workers = sizes[-1] if sizes else dataset.pipeline.geometry.crop_hw, config.env.workers
        check_memory(f"batch_size={batch_size} with images of {list(self.crop_hw)} (train_geometry.crop_hw)",
                     batch_size * self.crop_hw[0] * self.crop_hw[1] * (BYTES_OF_A_PIXEL + BYTES_AHEAD * workers))
        self.per_epoch = self.sampler.samples // (self.global_batch * accumulated)
        load: Load = load_batch
        if sizes:
            load = SizeSchedule(tuple(sizes), config.augmentation.multi_scale.interval, self.global_batch * accumulated, self.per_epoch,
                                config.env.seed)
        self.loader: Loader = make_loader(dataset, self.sampler, batch_size, workers, pin_memory=pin_memory, load=load)
        if self.per_epoch == 0:
            times = f" with accumulate_grad_batches={accumulated}" if accumulated > 1 else ""
            raise UserError(f"batch_size={batch_size}{times} for {world_size} processes is more than an epoch's "
                            f"{self.sampler.samples} samples; lower it")

    def iterations(self, phase: Phase) -> int:
        """How many iterations the phase has."""
        exact = round((phase.epochs or 0) * self.per_epoch, 6)  # 1.1 * 10 is a little more than 11 in floats
        return phase.iterations or max(1, math.ceil(exact))

    def start_at(self, iteration: int):
        """Yield batches from `iteration` on, as an uninterrupted run would see them.

        Raises UserError when more images are bad than env.max_bad_images allows.
        """
        epoch, done = divmod(iteration, self.per_epoch)
        while True:
            self.sampler.set_epoch(epoch, done * self.accumulated * self.global_batch)
            for _, batch in zip(range((self.per_epoch - done) * self.accumulated), self.loader):
                self.bad_images.add(batch.skipped)
                yield batch
            epoch, done = epoch + 1, 0


class PhaseTraining:
    """What a phase changes and needs to go on: optimizer, schedule, progress, averaged weights, validations."""

    def __init__(self, net: MultiTaskNet, criterion: MultiTaskLoss, phase: Phase, progress: Progress, validator: Validator | None,
                 sparse_weights: Iterable[Tensor], on_checkpoint: Callable[[PhaseState, bool], Path | None]) -> None:
        self.progress, self.validator, self.on_checkpoint = progress, validator, on_checkpoint
        self.optimizer = build_optimizer([net, criterion], phase.optimizer, trained_nodes(net, criterion))
        self.schedule = build_schedule(self.optimizer, progress.total, phase.schedule)
        self.average = WeightAverage(net, phase.ema, sparse_weights) if phase.ema else None

    @property
    def lr(self) -> float:
        """Learning rate of the nodes without a factor of their own."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def stops_early(self) -> bool:
        return self.validator is not None and self.validator.stops

    def after_step(self) -> None:
        if self.average is not None:
            self.average.update()
        self.schedule.step()

    def validate(self, iteration: int) -> None:
        """Evaluate the network, averaged where it is, if that is due; keep the best as a checkpoint of its own."""
        if self.validator is not None and self.validator.is_due(iteration):
            with self._averaged(), self.progress.paused():
                if self.validator.validate(iteration):
                    self.on_checkpoint(self._state(iteration), True)

    def save(self, iteration: int) -> Path | None:
        """Write a checkpoint; its path in the main process."""
        with self._averaged():
            return self.on_checkpoint(self._state(iteration), False)

    def _averaged(self) -> AbstractContextManager[None]:
        return self.average.in_network() if self.average else nullcontext()

    def _state(self, iteration: int) -> PhaseState:
        return PhaseState(iteration, self.optimizer.state_dict(), self.schedule.state_dict(), self.progress.state(),
                          self.average.state() if self.average else None, self.validator.state() if self.validator else None)

    def load_state(self, state: PhaseState) -> None:
        """Go on from there. Raises UserError naming the part that does not fit."""
        with restoring("training.phase.optimizer"):
            load_optimizer_state(self.optimizer, state.optimizer)
        with restoring("training.phase.schedule"):
            load_schedule_state(self.schedule, state.schedule)
        with restoring("training.phase.progress"):
            self.progress.load_state(state.progress)
        if self.average is not None:
            with restoring("training.phase.average"):
                self.average.load_state(state.average)
        if self.validator is not None:
            with restoring("training.phase.validation"):
                self.validator.load_state(state.validation)


def train_phase(net: MultiTaskNet, criterion: MultiTaskLoss, phase: Phase, stream: BatchStream, progress: Progress, *,
                checkpoint_interval: int, device: torch.device, bf16: bool, sync_bn: bool, learn_statistics: bool,
                resume: PhaseState | None, validator: Validator | None, sparse_weights: Iterable[Tensor],
                before_step: Callable[[int], None], after_step: Callable[[int], None],
                on_checkpoint: Callable[[PhaseState, bool], Path | None], stop: Stop) -> PhaseResult:
    """Train `net`, and what `criterion` learns, in place for one phase.

    Nodes that the phase's multipliers freeze stay as they are. sync_bn: whether BN takes its statistics over all processes;
    learn_statistics: whether it takes any, or normalises by those that it has; validator: evaluates in between, and may end the phase;
    sparse_weights: those whose zeros stay; before_step, after_step: called with the iteration about to run (observers are frozen
    there), and with the one whose update is done (zero weights are kept there); on_checkpoint: called every `checkpoint_interval`
    iterations and after the last one, with True for the best so far, gives what was written; stop: asked after each iteration. Where
    the phase averages its weights, the network has the average in `on_checkpoint`, in validations and in the end.
    Raises UserError when BN would see too few values or the loss is no longer a number, Interrupted when it stops with a checkpoint.
    """
    total, iteration = progress.total, resume.iteration if resume else 0
    net.train()
    with frozen(node for name, node in trained_nodes(net, criterion).items() if phase.optimizer.multiplier(name).lr == 0), \
            nullcontext() if learn_statistics else frozen_statistics(net), \
            synchronized_bn([net, criterion] if sync_bn else [], device):
        check_batch_size(net, stream.crop_hw, stream.global_batch if sync_bn else stream.batch_size)
        training = PhaseTraining(net, criterion, phase, progress, validator, sparse_weights, on_checkpoint)
        if resume is not None:
            training.load_state(resume)
        model = wrap(net, device)
        batches = stream.start_at(iteration)
        training.validate(iteration)  # where a signal cut it short
        while iteration < total and not training.stops_early:
            iteration += 1
            asked = time.perf_counter()
            taken = [next(batches).to(device) for _ in range(phase.accumulate_grad_batches)]
            waited = time.perf_counter() - asked
            before_step(iteration)
            lr = training.lr
            losses = train_step(model, criterion, taken, training.optimizer, phase.grad_clip_norm, bf16)
            after_step(iteration)
            training.after_step()
            progress.add(iteration, losses, taken[0].paths[0], sum(len(batch) for batch in taken), waited, lr)
            training.validate(iteration)
            signal = largest(stop.number)
            if iteration % checkpoint_interval == 0 or iteration == total or training.stops_early or signal:
                path = training.save(iteration)
            if signal:
                raise Interrupted(signal, f"{progress.name}: stopped after iteration {iteration} of {total}; {path} is saved, go on "
                                          "from there with --resume")
        if training.average is not None:
            training.average.settle()
    seconds, data_wait = progress.close()
    return PhaseResult(progress.curve, iteration, seconds, data_wait)


def trained_nodes(net: MultiTaskNet, criterion: MultiTaskLoss) -> dict[str, nn.Module]:
    """What the multipliers of a phase's optimizer may name: the network's nodes, and auxiliary heads."""
    return {**net.nodes, **(criterion.auxiliary.heads if criterion.auxiliary else {})}


def train_step(net: nn.Module, criterion: MultiTaskLoss, batches: Sequence[Batch], optimizer: torch.optim.Optimizer,
               grad_clip_norm: float, bf16: bool) -> StepLosses:
    """Forward and backward of each batch, one update by their mean gradient; the mean losses, their sum as "loss"."""
    optimizer.zero_grad(set_to_none=True)
    losses: list[dict[str, Tensor]] = []
    for batch in batches:
        with nullcontext() if batch is batches[-1] else without_exchange(net):
            images = normalize_image(batch.images).contiguous(memory_format=torch.channels_last)
            total, terms = compute_loss(net, criterion, batch, images, bf16)
            (total / len(batches)).backward()
        losses.append({**terms, "loss": total.detach()})
    average_gradients(criterion)
    clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], grad_clip_norm)
    optimizer.step()
    return StepLosses(losses)
