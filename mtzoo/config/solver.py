"""How a config trains: the four steps, their phases, optimizers and schedules."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from mtzoo.config.averaging import Ema
from mtzoo.config.validation import Validation
from mtzoo.config.values import MOST_ITERATIONS, check_at_most, check_name, check_positive
from mtzoo.errors import UserError, did_you_mean, shown
from mtzoo.settings.post_training import Corrections

SOLVER_STEPS = 4
FOLDING_STEPS = (1, 2)
MOST_FACTOR = 1_000_000


@dataclass(frozen=True)
class Multiplier:
    """Factors of the learning rate and the weight decay of a node.

    Attributes:
        lr: The factor of the learning rate. 0 freezes the node.
        weight_decay: The factor of the weight decay.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"lr_mult": "lr", "decay_mult": "weight_decay"}

    lr: float = 1.0
    weight_decay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise UserError(f"{name}={getattr(self, name)}: expected a factor in 0..1,000,000")


@dataclass(frozen=True)
class OptimizerSpec:
    """The optimizer of a phase.

    Attributes:
        type: `"SGD"` (Nesterov momentum) or `"AdamW"`.
        lr: The learning rate for the phase's batch size.
        weight_decay: The weight decay of convolutions. BN, biases and quantizers have none.
        momentum: The momentum of SGD.
        multipliers: Name of a node, or pattern of names such as `"*_head"` -> its factors. An exact name wins over a pattern.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"paramwise_cfg": "multipliers"}

    type: Literal["SGD", "AdamW"] = "AdamW"
    lr: float = 2e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    multipliers: Mapping[str, Multiplier] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive(self, "lr")
        check_at_most(self, lr=1e6, weight_decay=1e6)
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay={self.weight_decay}: expected a number of 0 or more")
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum={self.momentum}: must be in 0..1, 1 excluded")

    def multiplier(self, node: str) -> Multiplier:
        """The factors of a node, by its name."""
        keys = [node] if node in self.multipliers else [key for key in self.multipliers if fnmatchcase(node, key)]
        return self.multipliers[keys[0]] if keys else Multiplier()


@dataclass(frozen=True)
class ScheduleSpec:
    """The learning rate over a phase.

    Attributes:
        type: `"poly"`, `"cosine"` or `"constant"`, down to `min_lr_ratio * lr`; or `"piecewise"`: `factors[i] * lr` from iteration
            `boundaries[i]` on.
        warmup_iterations: The length of the warm-up, at most a third of the phase.
        warmup: The form of the warm-up: `"linear"` or `"exponential"`.
        warmup_ratio: The warm-up starts from this share of the learning rate. None: 1 / (warmup_iterations + 1).
        power: The power of `"poly"`.
        min_lr_ratio: The share of the learning rate at the end.
        boundaries: Iterations of `"piecewise"`.
        factors: Factors of `"piecewise"`.
        cycles: The number of cosines, each from `lr` on again (warm restarts).
        cycle_mult: Each cosine is this many times as long as the one before.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"warmup_iters": "warmup_iterations", "warmup_start_factor": "warmup_ratio",
                                                "num_cycles": "cycles", "T_mult": "cycle_mult"}

    type: Literal["poly", "cosine", "constant", "piecewise"] = "cosine"
    warmup_iterations: int = 0
    warmup: Literal["linear", "exponential"] = "linear"
    warmup_ratio: float | None = None
    power: float = 0.9
    min_lr_ratio: float = 0.0
    boundaries: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()
    cycles: int = 1
    cycle_mult: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "power")
        check_at_most(self, warmup_iterations=MOST_ITERATIONS, power=100)
        if self.warmup_iterations < 0:
            raise UserError(f"warmup_iterations={self.warmup_iterations}: expected 0 or more")
        if self.warmup_ratio is not None and not 0 < self.warmup_ratio <= 1:
            raise UserError(f"warmup_ratio={self.warmup_ratio}: expected a share of lr in 0..1, 0 excluded")
        if not 0 <= self.min_lr_ratio <= 1:
            raise UserError(f"min_lr_ratio={self.min_lr_ratio}: must be in 0..1")
        if not 1 <= self.cycles <= 100 or not 1 <= self.cycle_mult <= 10:
            raise UserError(f"cycles={self.cycles}, cycle_mult={self.cycle_mult}: expected 1 to 100 cycles and a factor of 1 to 10")
        if self.cycles > 1 and self.type != "cosine":
            raise UserError(f"cycles={self.cycles} with type='{self.type}': only 'cosine' restarts; remove it or change the type")
        if self.cycle_mult > 1 and self.cycles == 1:
            raise UserError(f"cycle_mult={self.cycle_mult}: there is one cycle; give cycles, e.g. 3")
        self._check_pieces()

    def _check_pieces(self) -> None:
        if (self.type == "piecewise") != bool(self.boundaries) or len(self.boundaries) != len(self.factors):
            raise UserError(f"type='{self.type}' with {len(self.boundaries)} boundaries and {len(self.factors)} factors: as many "
                            "factors as boundaries for 'piecewise', none for others")
        if list(self.boundaries) != sorted({*self.boundaries}) or any(not 0 < b <= MOST_ITERATIONS for b in self.boundaries):
            raise UserError(f"boundaries={shown(list(self.boundaries))}: expected rising iterations above 0")
        if any(not 0 <= factor <= MOST_FACTOR for factor in self.factors):
            raise UserError(f"factors={shown(list(self.factors))}: of the learning rate, 0 to {MOST_FACTOR:,} each")


@dataclass(frozen=True)
class Phase:
    """A training under one schedule. Give either `epochs` or `iterations`.

    Attributes:
        batch_size: Images of a batch, in each process.
        epochs: The length in epochs.
        iterations: The length in iterations.
        optimizer: The optimizer.
        schedule: The learning rate over the phase.
        grad_clip_norm: Gradients are clipped to this norm.
        accumulate_grad_batches: The number of batches whose mean gradient makes an update. Iterations count updates.
        ema: Averaging of the weights. None: off.
        validation: Evaluation during the phase. None: only at its end.
        corrections: What calibration corrects before the training, as in `ptq`: `equalize` and `biases` of
            `mtzoo.compression.Corrections`. Only for step 2, and for a network that has not rounded before, as in `mtzoo quant`.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"model_ema": "ema", "accumulative_counts": "accumulate_grad_batches",
                                                "gradient_accumulation_steps": "accumulate_grad_batches"}

    batch_size: int = 8
    epochs: float | None = None
    iterations: int | None = None
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    grad_clip_norm: float = 10.0
    accumulate_grad_batches: int = 1
    ema: Ema | None = None
    validation: Validation | None = None
    corrections: Corrections = Corrections()

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.iterations is None):
            raise UserError("give either 'epochs' or 'iterations'")
        check_positive(self, "epochs" if self.iterations is None else "iterations", "batch_size", "grad_clip_norm",
                       "accumulate_grad_batches")
        check_at_most(self, epochs=1_000_000, iterations=MOST_ITERATIONS, batch_size=65_536, accumulate_grad_batches=65_536)


@dataclass(frozen=True)
class PipelineTest:
    """What `--pipeline-test` changes in every phase.

    Attributes:
        iterations: The length in iterations.
        batch_size: Images of a batch.
        load_from: Float weights to start from: a checkpoint, or `zoo:NAME`. None: the config's, or what the zoo has for the network.
        learning_rate: The largest learning rate of any phase. None: that of the phase, but 2e-5 from trained weights.
    """

    iterations: int = 4
    batch_size: int = 2
    load_from: str | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        check_positive(self, "iterations", "batch_size", *["learning_rate"] * (self.learning_rate is not None))
        check_at_most(self, iterations=MOST_ITERATIONS, batch_size=65_536)


@dataclass(frozen=True)
class SolverStep:
    """One of the four steps.

    Attributes:
        prefix: The names of its files begin with this.
        float_phase: Training in float. Only step 0 may have it.
        quant_phase: Training with fake-quant.
    """

    prefix: str
    float_phase: Phase | None = None
    quant_phase: Phase | None = None

    def __post_init__(self) -> None:
        check_name(self.prefix, "prefix")


def check_solver(solver: Sequence[SolverStep], fusion_bn_patterns: Mapping[int, Sequence[str]]) -> None:
    """Raises UserError for steps that are not those of a quantized training, and for folds at other steps."""
    if len(solver) != SOLVER_STEPS:
        raise UserError(f"solver has {len(solver)} entries; expected {SOLVER_STEPS}, one for each step")
    prefix, count = Counter(step.prefix for step in solver).most_common(1)[0]
    if count > 1:
        raise UserError(f"solver: two steps have the prefix '{prefix}'; their checkpoints would overwrite each other")
    if solver[0].float_phase is None and solver[0].quant_phase is None:
        raise UserError("solver[0] has neither float_phase nor quant_phase; add one")
    for step in FOLDING_STEPS:
        if solver[step].float_phase:
            raise UserError(f"solver[{step}].float_phase: only step 0 trains in float; remove it")
        if solver[step].quant_phase is None:
            raise UserError(f"solver[{step}]: 'quant_phase' is missing; add it")
    if solver[3].float_phase or solver[3].quant_phase:
        raise UserError("solver[3]: step 3 converts to integers and trains nothing; remove its phases")
    for i, step in enumerate(solver[:FOLDING_STEPS[-1]]):
        for key, phase in (("float_phase", step.float_phase), ("quant_phase", step.quant_phase)):
            if phase is not None and phase.corrections != Corrections():
                raise UserError(f"solver[{i}].{key}.corrections: only a network without BN is corrected; give them to "
                                f"solver[{FOLDING_STEPS[-1]}].quant_phase, for `mtzoo quant`")
    for step in fusion_bn_patterns:
        if step not in FOLDING_STEPS:
            raise UserError(f"fusion_bn_patterns[{step}]: BN is folded at steps 1 and 2; use one of these keys")


def check_multipliers(solver: Sequence[SolverStep], nodes: Collection[str], auxiliary: Collection[str]) -> None:
    """Raises UserError for multipliers of no node, for a node that two patterns match, and if no node is left to train.

    nodes: of the network; auxiliary: heads that only float phases have.
    """
    for i, step in enumerate(solver):
        for key, phase, known in (("float_phase", step.float_phase, [*nodes, *auxiliary]), ("quant_phase", step.quant_phase, nodes)):
            if phase is not None and phase.optimizer.multipliers:
                _check_phase_multipliers(phase.optimizer, known, nodes, f"solver[{i}].{key}.optimizer.multipliers")


def _check_phase_multipliers(optimizer: OptimizerSpec, known: Collection[str], nodes: Collection[str], where: str) -> None:
    for key in optimizer.multipliers:
        if not any(fnmatchcase(node, key) for node in known):
            raise UserError(f"{where}.{key}: no node of this phase has this name{did_you_mean(key, known)}")
    for node in known:
        matching = [key for key in optimizer.multipliers if fnmatchcase(node, key)]
        if node not in optimizer.multipliers and len(matching) > 1:
            raise UserError(f"{where}: node '{node}' matches both '{matching[0]}' and '{matching[1]}'; name it itself")
    if all(optimizer.multiplier(node).lr == 0 for node in nodes):
        raise UserError(f"{where}: lr=0 for every node, nothing would be trained; remove one")
