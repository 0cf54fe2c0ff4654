"""Structured pruning of a config's float network: which channels go, and the narrower network with its config."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from mtzoo.compression import (
    ChannelGroup,
    ChannelState,
    Choice,
    Step,
    channel_groups,
    choice_of,
    order_steps,
    prune,
    removed_channels,
    taylor_scores,
    weight_scores,
)
from mtzoo.compression.blocks import Removed
from mtzoo.compression.channels import Scores
from mtzoo.config import ExperimentConfig
from mtzoo.config.channels import channel_plan, with_channels
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.evaluate import task_data
from mtzoo.engine.loop import BatchStream
from mtzoo.engine.losses import MultiTaskLoss, compute_loss
from mtzoo.errors import UserError, did_you_mean
from mtzoo.graph import output_positions, read_program
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.progress import counted, show_progress
from mtzoo.settings.pruning import TAYLOR, Pruning

OVERSHOOT = 0.02
"""A step that takes so much more than the ratio is left out; smaller ones do the rest."""
TAYLOR_BATCHES, TAYLOR_BATCH_SIZE = 16, 4


class LatencyMeter(Protocol):
    """Measures the network that is to be pruned."""

    def layer_nanoseconds(self) -> Mapping[str, float]:
        """Convolution -> its time."""

    def saved(self, pruned: MultiTaskNet) -> float:
        """Share of the latency that a pruned form saves."""


@dataclass(frozen=True)
class PruningPlan:
    """All groups of the network, and the steps to take.

    Attributes:
        groups: Channels that are removed together.
        steps: The steps, in order.
        removed: The share of the criterion that the steps remove.
    """

    groups: tuple[ChannelGroup, ...]
    steps: tuple[Step, ...]
    removed: float

    @property
    def choice(self) -> Choice:
        """What stays."""
        return choice_of(self.steps)


def importance_scores(config: ExperimentConfig, net: MultiTaskNet, importance: str) -> Scores:
    """Scores of every convolution's channels; Taylor's see the losses of all tasks on a few training batches."""
    if importance != TAYLOR:
        return weight_scores(net, importance)
    with show_progress("importance of channels", transient=True) as on_progress:
        return taylor_scores(net, counted(training_losses(config, net), on_progress, TAYLOR_BATCHES))


def training_losses(config: ExperimentConfig, net: MultiTaskNet, batches: int = TAYLOR_BATCHES) -> Iterator[Tensor]:
    """The multi-task loss of training batches, drawn with env.seed, one after another; BN runs on its statistics."""
    pipeline = TrainPipeline(config.train_geometry, config.photometric)
    dataset = MultiTaskDataset(task_data(config, "train"), pipeline, seed=config.env.seed)
    stream = BatchStream(config, dataset, min(TAYLOR_BATCH_SIZE, len(dataset)), BadImages(len(dataset), config.env.max_bad_images))
    criterion = MultiTaskLoss(config)
    net.eval()
    for batch in islice(stream.start_at(0), batches):
        images = normalize_image(batch.images).contiguous(memory_format=torch.channels_last)
        yield compute_loss(net, criterion, batch, images, bf16=False)[0]


def layer_limits(net: MultiTaskNet, pruning: Pruning, ratio: float, layers: Sequence[str] = ()) -> dict[str, int]:
    """Group -> how many of its units have to stay so that at most the share `ratio` of each layer's channels goes.

    layers: convolutions whose channels may go, none for all. Raises UserError for one that the network lacks or whose channels all
    have to stay.
    """
    program = read_program(net)
    names = [call.name for call in program.convs]
    groups = channel_groups(program, weight_scores(net, pruning.importance), pruning.align, blocks=pruning.blocks)
    for layer in layers:
        if layer not in names:
            raise UserError(f"prune_params_name: the network has no convolution '{layer}'{did_you_mean(layer, names)}")
        if not any(layer in group.layers for group in groups):
            raise UserError(f"prune_params_name: the channels of '{layer}' must stay; name others")
    return {group.name: group.count_at(ratio) for group in groups if not layers or set(layers) & set(group.layers)}


def plan_pruning(config: ExperimentConfig, net: MultiTaskNet, pruning: Pruning, *, limits: Mapping[str, int] | None = None,
                 scores: Scores | None = None, meter: LatencyMeter | None = None) -> PruningPlan:
    """Choose what goes.

    limits: group -> how many units have to stay, of those that may be touched; scores: of `importance_scores`, made here if None;
    meter: for criterion "latency".
    Raises UserError if there is nothing to prune, or not enough for the ratio.
    """
    program = read_program(net)
    scores = importance_scores(config, net, pruning.importance) if scores is None else scores
    groups = channel_groups(program, scores, pruning.align, blocks=pruning.blocks)
    if not groups:
        raise UserError(f"--align {pruning.align}: no layer can lose that many channels; choose a smaller one")
    times = meter.layer_nanoseconds() if pruning.criterion == "latency" else None
    positions = output_positions(net, config.deploy_geometry.input_hw)
    floors = {group.name: group.counts[-1] for group in groups} if limits is None else limits
    ratio = 1.0 if pruning.ratio is None else pruning.ratio

    def plan(floors: Mapping[str, int]) -> PruningPlan:
        widths = ChannelState(program, positions, pruning.criterion, times)
        order = order_steps(groups, scores, widths, pruning.scope, floors)
        if pruning.criterion != "latency":
            steps = up_to(order, ratio)
            return PruningPlan(tuple(groups), tuple(steps), steps[-1].removed if steps else 0.0)
        steps = list(order)

        def saved(count: int) -> float:
            return meter.saved(without(net, removed_channels(choice_of(steps[:count]), groups)))

        count, removed = shortest(len(steps), saved, ratio)
        return PruningPlan(tuple(groups), tuple(steps[:count]), removed)

    found = plan(floors)
    if pruning.ratio is None:
        return found
    if found.removed < pruning.ratio:
        what = "the limits of the sensitivity table" if limits is not None else f"--align {pruning.align}"
        raise UserError(f"--ratio {pruning.ratio:g}: cannot be reached; with {what} at most {max(found.removed, 0):.3f} of the "
                        f"{pruning.criterion} can go")
    return nearest_plan(found, plan, floors, pruning)


def nearest_plan(found: PruningPlan, plan: Callable[[Mapping[str, int]], PruningPlan], floors: Mapping[str, int],
                 pruning: Pruning) -> PruningPlan:
    """A plan that removes less than `found`, whose last step goes too far, and still enough.

    That step is left out, so that smaller ones are taken instead. Where they do not reach the ratio, it is taken, and earlier ones
    are taken back that are not needed beside it.
    plan: makes one that keeps to floors, group -> how many units have to stay. Of the measured latency only blocks are left out: what
    one step of channels takes is within the noise.
    """
    best, tried, limits = floors, found, floors
    while too_far(tried, pruning) and (tried.steps[-1].count == 0 or pruning.criterion != "latency"):
        last = tried.steps[-1]
        limits = {**limits, last.group: count_before(last, tried)}
        tried = plan(limits)
        if tried.removed < pruning.ratio:
            break
        if tried.removed < found.removed:
            found, best = tried, limits
    return found if pruning.criterion == "latency" else without_needless_steps(found, plan, best, pruning)


def without_needless_steps(found: PruningPlan, plan: Callable[[Mapping[str, int]], PruningPlan], floors: Mapping[str, int],
                           pruning: Pruning) -> PruningPlan:
    """The plan without steps before its last one that the ratio does not need; the last of them, which lose most for what they save,
    are taken back first."""
    needed = set()
    for step in reversed(found.steps[:-1]):
        if not too_far(found, pruning):
            break
        if step.group in needed:
            continue
        limits = {**floors, step.group: count_before(step, found)}
        tried = plan(limits)
        if pruning.ratio <= tried.removed < found.removed:
            found, floors = tried, limits
        else:
            needed.add(step.group)
    return found


def too_far(plan: PruningPlan, pruning: Pruning) -> bool:
    """Whether clearly more goes than was asked for."""
    return pruning.ratio is not None and plan.removed > pruning.ratio + OVERSHOOT


def count_before(step: Step, plan: PruningPlan) -> int:
    """How many units of its group are there before a step."""
    counts = next(group.counts for group in plan.groups if group.name == step.group)
    return counts[counts.index(step.count) - 1]


def up_to(order: Iterable[Step], ratio: float) -> list[Step]:
    """The first steps that remove at least `ratio`, all of them if that is too little."""
    steps = []
    for step in order:
        steps.append(step)
        if step.removed >= ratio:
            break
    return steps


def shortest(steps: int, removed: Callable[[int], float], ratio: float) -> tuple[int, float]:
    """(number of first steps that remove at least `ratio`, what they remove), by bisection; all of them if that is too little."""
    low, high = 0, steps
    best = removed(high) if steps else 0.0
    while best >= ratio and high - low > 1:
        middle = (low + high) // 2
        value = removed(middle)
        if value >= ratio:
            high, best = middle, value
        else:
            low = middle
    return high, best


def without(net: MultiTaskNet, removed: Removed) -> MultiTaskNet:
    """A copy of a float network without some channels, in eval mode."""
    pruned = deepcopy(net)
    prune(pruned, removed)
    return pruned.eval()


def pruned_config(config: ExperimentConfig, pruned: MultiTaskNet) -> ExperimentConfig:
    """The config that builds a pruned network."""
    return with_channels(config, channel_plan(config, pruned))
