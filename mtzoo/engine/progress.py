"""What a person sees of a training: lines with losses, speed, data wait and ETA; curves in its logs."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mtzoo.console import PlainConsole
from mtzoo.engine.loggers import Log
from mtzoo.engine.step_losses import StepLosses, read_losses
from mtzoo.errors import UserError
from mtzoo.plain_data import convert
from mtzoo.progress import format_seconds

MOST_UNREAD = 256
"""Iterations whose losses wait on the device at most."""


class _Unread(NamedTuple):
    """An iteration whose losses have not been read."""

    iteration: int
    losses: StepLosses
    first_image: Path
    lr: float


class Progress:
    """Running means of a phase's losses and times, printed every `interval` iterations; times also at the end of each epoch.

    start: iterations done before this process; per_epoch: iterations of an epoch, 0 where there is none to speak of.
    curve: [(iteration, {loss name: mean since the last point})], what the report draws.
    """

    def __init__(self, name: str, total: int, interval: int, logs: Sequence[Log], console: PlainConsole, start: int = 0,
                 per_epoch: int = 0) -> None:
        self.name, self.total, self.interval, self.console = name, total, interval, console
        self.logs = logs
        self.started, self.start = time.perf_counter(), start
        self.earlier = 0.0  # seconds of this phase before an interruption
        self.curve: list[tuple[int, dict[str, float]]] = []
        self.sums: dict[str, tuple[float, int]] = {}
        self.unread: list[_Unread] = []
        self.images = 0
        self.waited = self.total_waited = 0.0
        self.window_started = self.started
        self.per_epoch, self.epoch_waited, self.epoch_started = per_epoch, 0.0, self.started

    def add(self, iteration: int, losses: StepLosses, first_image: Path, images: int, waited: float, lr: float) -> None:
        """One finished iteration. waited: seconds spent waiting for its batch. Losses are read once for each line.

        Raises UserError when one of those that are read is not finite, with the image and the rate that its iteration had.
        """
        self.unread.append(_Unread(iteration, losses, first_image, lr))
        if len(self.unread) == MOST_UNREAD:
            self._read()
        self.images += images
        self.waited += waited
        self.total_waited += waited
        self.epoch_waited += waited
        if iteration % self.interval == 0 or iteration == self.total:
            self._print(iteration, lr)
        if self.per_epoch and iteration % self.per_epoch == 0:
            self._print_epoch(iteration // self.per_epoch)

    def _read(self) -> None:
        unread, self.unread = self.unread, []
        for (iteration, _, image, lr), losses in zip(unread, read_losses([each.losses for each in unread])):
            if not math.isfinite(losses["loss"]):
                raise UserError(f"{self.name}, iteration {iteration}: the loss is {losses['loss']}; lower the learning rate ({lr:.2e}) "
                                f"or check the data (first image: {image})")
            for name, value in losses.items():
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = (total + value, count + 1)

    def _print(self, iteration: int, lr: float) -> None:
        self._read()
        now = time.perf_counter()
        window = now - self.window_started
        means = {name: total / count for name, (total, count) in self.sums.items()}
        eta = (now - self.started) / max(iteration - self.start, 1) * (self.total - iteration)
        self.console.print(
            f"{self.name} {iteration}/{self.total}  loss {means.get('loss', float('nan')):.4f}  lr {lr:.2e}  "
            f"{self.images / window:.1f} images/s  data wait {100 * self.waited / window:.0f}%  ETA {format_seconds(eta)}")
        losses = {f"loss/{name}": value for name, value in means.items()}
        self._log({**losses, "lr": lr, "data_wait": self.waited / window}, iteration)
        self.curve.append((iteration, means))
        self.sums, self.images, self.waited, self.window_started = {}, 0, 0.0, now

    def validated(self, iteration: int, metrics: Mapping[str, float], judged: Collection[str], score: float, best: str) -> None:
        """An evaluation in between. judged: the metrics that make the score; best: how it compares."""
        values = "  ".join(f"{name} {metrics[name]:.2f}" for name in judged)
        mean = f"  score {score:.2f}" if len(judged) > 1 else ""
        self.console.print(f"{self.name} {iteration}/{self.total}  validation  {values}{mean}{', ' * bool(best)}{best}")
        found = {f"val/{name}": value for name, value in metrics.items() if value == value}  # NaN: no ground truth
        self._log({**found, "val/score": score}, iteration)

    def _log(self, values: Mapping[str, float], iteration: int) -> None:
        for log in self.logs:
            log.add(values, iteration)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The time that passes in the block counts for the phase, and for no speed of training."""
        begun = time.perf_counter()
        yield
        passed = time.perf_counter() - begun
        self.window_started += passed
        self.epoch_started += passed

    def _print_epoch(self, epoch: int) -> None:
        """After a resume inside of an epoch, of what this process has seen of it."""
        now = time.perf_counter()
        seconds = now - self.epoch_started
        share = 100 * self.epoch_waited / seconds
        self.console.print(f"{self.name} epoch {epoch} in {format_seconds(seconds)}, data wait {share:.1f}%")
        self.epoch_waited, self.epoch_started = 0.0, now

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know to go on with curve and times, as plain values. Raises UserError as `add` does."""
        self._read()
        return {"curve": list(self.curve), "sums": dict(self.sums), "seconds": self._seconds(), "waited": self.total_waited}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()` of an interrupted process."""
        curve = convert(list[tuple[int, dict[str, float]]], state["curve"], "curve")
        self.curve = [(iteration, dict(means)) for iteration, means in curve]
        self.sums = convert(dict[str, tuple[float, int]], state["sums"], "sums")
        self.earlier, self.total_waited = (convert(float, state[key], key) for key in ("seconds", "waited"))

    def _seconds(self) -> float:
        return self.earlier + time.perf_counter() - self.started

    def close(self) -> tuple[float, float]:
        """(seconds, share of them spent waiting for data) of this phase, all its processes together."""
        seconds = self._seconds()
        for log in self.logs:
            log.close()
        return seconds, self.total_waited / max(seconds, 1e-9)
