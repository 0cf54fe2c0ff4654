"""What is asked of a compression: for which machine, how fast, how good, and how long it may train."""

import math
from dataclasses import dataclass
from pathlib import Path

from mtzoo.compression.hardware_profile import HOST
from mtzoo.errors import UserError

MAX_DROP = 1.0


@dataclass(frozen=True)
class Target:
    """deploy_hardware: "host-cpu", a profile's name or its .yaml file; strategy: only this candidate, e.g. "prune+int8"; speedup: times
    as fast as the original: the mildest candidate that reaches it; max_drop: points of AP50, mIoU or top1 that a task may lose (1).
    None: not said. Raises UserError for numbers that cannot be."""

    deploy_hardware: str = HOST
    strategy: str | None = None
    speedup: float | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        if self.speedup is not None and not 1 < self.speedup < math.inf:
            raise UserError(f"--target-speedup {self.speedup}: expected more than 1 times as fast")
        if self.max_drop is not None and not 0 <= self.max_drop < math.inf:
            raise UserError(f"--max-drop {self.max_drop}: points of AP50, mIoU or top1, 0 or more, e.g. 1")


@dataclass(frozen=True)
class Training:
    """How candidates are trained on. iterations, batch_size, learning_rate, workers: None for what the files or the config say;
    distill_from: a checkpoint whose answers they learn from, default the original; ctx: the device."""

    iterations: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    workers: int | None = None
    distill_from: Path | None = None
    ctx: str | None = None
