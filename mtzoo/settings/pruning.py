"""How channels are pruned, and how sensitivity to that is measured."""

from dataclasses import dataclass
from typing import Literal

from mtzoo.errors import UserError, did_you_mean

Criterion = Literal["params", "macs", "latency"]
CRITERIA = ("params", "macs", "latency")
Scope = Literal["global", "uniform"]
SCOPES = ("global", "uniform")
TAYLOR = "taylor"
IMPORTANCES = ("l1", "l2", "bn_scale", "fpgm", TAYLOR)
ALIGN = 8
"""Outputs of a group that fill an int8 vector: groups of 12 run slower than groups of 16, and an odd number of groups slower than
the next even one (docs/pruning.md has the measurement)."""
RATIOS = (0.1, 0.3, 0.5)
"""Of a channel group, at which sensitivity is measured."""


@dataclass(frozen=True)
class Pruning:
    """How much is removed, and how it is chosen.

    Attributes:
        ratio: The share (0 to 1) of `criterion` to remove. None: all that a sensitivity table allows.
        criterion: `"macs"`, `"params"`, or `"latency"` (of the int8 network in OpenVINO, measured).
        importance: `"taylor"` (default, arXiv 1906.10771), `"l1"`, `"l2"`, `"bn_scale"` (Network Slimming) or `"fpgm"` (geometric
            median).
        scope: `"global"`: all channels compete. `"uniform"`: the same share of every group is removed.
        align: Group convolutions keep a multiple of this many outputs in each group, all other layers a multiple of twice as many
            channels. Default: 8.
        blocks: Whether whole residual blocks may be removed.

    Raises:
        UserError: A value is impossible.
    """

    ratio: float | None
    criterion: Criterion = "macs"
    importance: str = TAYLOR
    scope: Scope = "global"
    align: int = ALIGN
    blocks: bool = True

    def __post_init__(self) -> None:
        if self.ratio is not None and not 0 < self.ratio < 1:
            raise UserError(f"--ratio {self.ratio}: the share to remove, between 0 and 1, e.g. 0.3")
        if self.importance not in IMPORTANCES:
            raise UserError(f"--importance {self.importance}: no such method{did_you_mean(self.importance, IMPORTANCES)}")
        if self.align < 1:
            raise UserError(f"--align {self.align}: must be at least 1")
