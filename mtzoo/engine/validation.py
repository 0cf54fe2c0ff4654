"""Evaluation while a phase is trained: curves, the best network so far, and when to stop."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import nn

from mtzoo.config import ExperimentConfig, Phase
from mtzoo.config.validation import Validation
from mtzoo.engine.distributed import copy_from_main, largest, on_main
from mtzoo.engine.evaluate import CutShort, evaluate_shown, network_predictor
from mtzoo.engine.progress import Progress
from mtzoo.errors import UserError
from mtzoo.plain_data import convert
from mtzoo.signals import Stop

Metrics = dict[str, float]


class Validator:
    """Evaluates during a phase of `total` iterations, every `interval` of them and after the last one.

    weights: metric -> weight in the score; evaluate: gives the metrics of the network as it is, None when a signal cut it short; since:
    the first iteration whose network may be the best (one that is still being made sparse may not); pipeline_test: its few images may
    lack what a metric needs, and the score is NaN then. All processes evaluate, the main one records and prints; all know whether it
    `stops`.
    """

    def __init__(self, spec: Validation, interval: int, total: int, weights: Mapping[str, float],
                 evaluate: Callable[[], Metrics | None], progress: Progress, since: int = 0, pipeline_test: bool = False) -> None:
        self.spec, self.interval, self.total, self.weights, self.since = spec, interval, total, dict(weights), since
        self.evaluate, self.progress, self.pipeline_test = evaluate, progress, pipeline_test
        self.curve: list[tuple[int, Metrics]] = []
        self.best: tuple[int, float] | None = None
        self.waited = 0  # validations since the best one
        self.stops = False

    def is_due(self, iteration: int) -> bool:
        """Whether the network is to be evaluated after this iteration, and has not been yet."""
        due = iteration > 0 and iteration % self.interval == 0 or iteration == self.total
        return due and (not self.curve or self.curve[-1][0] < iteration)

    def validate(self, iteration: int) -> bool:
        """Evaluate after an iteration; whether it is the best so far. Raises UserError for a metric without ground truth."""
        metrics = self.evaluate()
        improved = metrics is not None and on_main(lambda: self._record(iteration, metrics))
        self.stops = bool(largest(int(self.stops)))
        return bool(largest(int(bool(improved))))

    def score(self, metrics: Metrics) -> float:
        """Weighted mean, percent."""
        return sum(weight * metrics[name] for name, weight in self.weights.items()) / sum(self.weights.values())

    def _record(self, iteration: int, metrics: Metrics) -> bool:
        name = next((name for name in self.weights if math.isnan(metrics.get(name, math.nan))), None)
        if name is not None and not self.pipeline_test:
            raise UserError(f"validation.metric: '{name}' has no ground truth among the validation images; weigh others")
        score = self.score(metrics)
        self.curve.append((iteration, metrics))
        improved = False
        if iteration >= self.since:
            improved = self.best is None or score > self.best[1] + self.spec.min_delta
            self.best = (iteration, score) if improved else self.best
            self.waited = 0 if improved else self.waited + 1
            self.stops = self.spec.patience is not None and self.waited >= self.spec.patience
        best = "" if self.best is None else "the best so far" if improved else f"best {self.best[1]:.2f} at {self.best[0]}"
        self.progress.validated(iteration, metrics, self.weights, score, best)
        return improved

    def metrics_at(self, iteration: int) -> Metrics | None:
        """What was measured after an iteration, on all images."""
        return next((metrics for at, metrics in self.curve if at == iteration), None) if self.spec.images is None else None

    def kept(self, last: int) -> int:
        """The iteration whose weights the phase ends with, `last` being its last."""
        return self.best[0] if self.spec.keep == "best" and self.best is not None else last

    def state(self) -> dict[str, Any]:
        """What a resumed run needs, as plain values."""
        return {"curve": list(self.curve), "best": self.best, "waited": self.waited, "stops": self.stops}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`. Raises UserError for what is none."""
        self.curve = [(at, dict(metrics)) for at, metrics in convert(list[tuple[int, Metrics]], state["curve"], "curve")]
        self.best = convert(tuple[int, float] | None, state["best"], "best")
        self.waited, self.stops = convert(int, state["waited"], "waited"), convert(bool, state["stops"], "stops")


def build_validator(net: nn.Module, config: ExperimentConfig, phase: Phase, per_epoch: int, progress: Progress, device: torch.device,
                    limit: int | None, stop: Stop, *, pipeline_test: bool) -> Validator | None:
    """What evaluates `net` during the phase, None if nothing does.

    per_epoch: iterations; limit: images of each validation folder; stop: a signal cuts an evaluation short.
    """
    spec = phase.validation
    if spec is None:
        return None

    def evaluate_now() -> Metrics | None:
        copy_from_main(net)
        images = min((n for n in (spec.images, limit) if n is not None), default=None)
        with evaluating(net), suppress(CutShort):
            predict = network_predictor(net, config, device)
            return evaluate_shown(f"{progress.name}: validating", predict, config, limit=images, spread=True, stop=stop)
        return None

    interval = spec.every_iterations or max(1, round(spec.every_epochs * per_epoch))
    since = math.ceil(config.sparsity.end * progress.total) if config.sparsity else 0
    weights = spec.weights(config.kinds)
    return Validator(spec, interval, progress.total, weights, evaluate_now, progress, since, pipeline_test)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """The network is in eval mode inside the block. After it each part has its mode again, and random numbers go on as before."""
    training = [module for module in net.modules() if module.training]
    try:
        net.eval()
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module in training:
            module.training = True
