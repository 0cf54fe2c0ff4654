"""What is asked of a compression: for which machine, how fast, how good, and how long it may train."""

import math
from dataclasses import dataclass
from pathlib import Path

from mtzoo.errors import UserError

HOST = "host-cpu"
"""The machine at hand: measured, not predicted."""
MAX_DROP = 1.0


@dataclass(frozen=True)
class Target:
    """What a compression must reach.

    Attributes:
        deploy_hardware: `"host-cpu"` (this machine is measured), the name of a shipped hardware profile, or a `.yaml` profile.
        strategy: Consider only this candidate, e.g. `"prune+int8"`.
        speedup: The wanted speed relative to the original. The mildest candidate that reaches it wins. None: the fastest wins.
        max_drop: The points of its main metric (AP50, mIoU, top1) that a task may lose. None: that of a strategy file, otherwise 1.

    Raises:
        UserError: A value is impossible.
    """

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
    """How candidates are trained. None: as the strategy file or the config says.

    Attributes:
        iterations: The length of each training.
        batch_size: Images of an iteration.
        learning_rate: The learning rate at the start.
        workers: Processes that read images.
        distill_from: The teacher checkpoint. Default: the original network.
        ctx: The device, as for `train`.
    """

    iterations: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    workers: int | None = None
    distill_from: Path | None = None
    ctx: str | None = None
