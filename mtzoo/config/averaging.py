"""How a phase averages the weights of the network that it trains."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mtzoo.config.values import MOST_ITERATIONS, check_at_most
from mtzoo.errors import UserError


@dataclass(frozen=True)
class Ema:
    """Exponential moving average of the weights.

    Attributes:
        decay: The share of the average that stays in an iteration.
        warmup_iterations: At iteration n the share is `decay * (1 - exp(-n / warmup_iterations))`, as in YOLOv5. 0: `decay` from the
            start.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"ema_decay": "decay", "tau": "warmup_iterations"}

    decay: float = 0.999
    warmup_iterations: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise UserError(f"decay={self.decay}: expected a share between 0 and 1, e.g. 0.999")
        if self.warmup_iterations < 0:
            raise UserError(f"warmup_iterations={self.warmup_iterations}: expected 0 or more")
        check_at_most(self, warmup_iterations=MOST_ITERATIONS)

    def decay_at(self, update: int) -> float:
        """The share of the average that stays in an update, counted from 1."""
        return self.decay * (1 - math.exp(-update / self.warmup_iterations)) if self.warmup_iterations else self.decay
