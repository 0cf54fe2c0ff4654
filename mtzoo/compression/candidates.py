"""What automatic compression can make of a network, and in which order it is worth trying."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mtzoo.errors import UserError

PRUNE, SPARSE = 0.3, 0.75
"""Share of the MACs that pruning removes, share of the weights that become zero: customary first steps."""
LEAST_GAIN = 1.03
"""What a method has to gain beside the others to be worth its training: less is within the noise of a measurement."""
CLOSE = 0.1
"""A speed-up within this share below a target counts as reaching it."""


@dataclass(frozen=True)
class Candidate:
    """prune: whether PRUNE of the MACs go; sparse: whether SPARSE of the weights become zero; precision: of the deploy model."""

    prune: bool
    sparse: bool
    precision: str

    @property
    def methods(self) -> frozenset[str]:
        """Those of "prune", "sparse", "int8" and "bf16" that it uses; none of them: the original in float."""
        named = {"prune": self.prune, "sparse": self.sparse, self.precision: self.precision != "fp32"}
        return frozenset(name for name, used in named.items() if used)

    @property
    def name(self) -> str:
        """E.g. "prune0.3+int8"; "original"."""
        parts = [f"prune{PRUNE:g}"] * self.prune + [f"sparse{SPARSE:g}"] * self.sparse
        return "+".join(parts + [self.precision] * (self.precision != "fp32")) or "original"


ORIGINAL = Candidate(False, False, "fp32")


def all_candidates(precisions: Collection[str]) -> list[Candidate]:
    """Every pair of methods, and each alone, in the precisions that the hardware has; the original first."""
    kinds = ((False, False), (True, False), (False, True), (True, True))
    return [Candidate(prune, sparse, precision) for precision in ("fp32", "bf16", "int8") if precision in {"fp32", *precisions}
            for prune, sparse in kinds if len(Candidate(prune, sparse, precision).methods) <= 2]


def strategies(candidates: Sequence[Candidate]) -> list[str]:
    """The values of --strategy: methods joined by "+"."""
    return ["+".join(sorted(c.methods, key=("prune", "sparse", "bf16", "int8").index)) for c in candidates if c.methods]


def of_strategy(candidates: Sequence[Candidate], strategy: str | None) -> list[Candidate]:
    """The one candidate of a strategy ("prune+int8"), or all without one. Raises UserError with the strategies there are."""
    if strategy is None:
        return [c for c in candidates if c.methods]
    wanted = frozenset(strategy.split("+"))
    found = [c for c in candidates if c.methods == wanted]
    if not found:
        raise UserError(f"--strategy {strategy}: not one for this hardware; there are {', '.join(strategies(candidates))}")
    return found


def worth_training(candidate: Candidate, speedups: Mapping[Candidate, float]) -> bool:
    """Whether each of its methods makes it faster than it is without that one."""
    fewer = [other for other in speedups if other.methods < candidate.methods]
    return all(speedups[candidate] >= LEAST_GAIN * speedups[other] for other in fewer)


def order_of_trial(candidates: Sequence[Candidate], speedups: Mapping[Candidate, float], target: float | None) -> list[Candidate]:
    """The candidates worth training: without a target the fastest first; with one, those that reach it, the mildest first.

    Raises UserError if none of them reaches the target.
    """
    worth = sorted((c for c in candidates if worth_training(c, speedups)), key=speedups.__getitem__, reverse=True)
    if target is None:
        return worth
    reaching = [c for c in reversed(worth) if speedups[c] >= (1 - CLOSE) * target]
    if worth and not reaching:
        fastest = worth[0]
        raise UserError(f"--target-speedup {target:g}: cannot be met; the fastest candidate, {fastest.name}, is "
                        f"{speedups[fastest]:.2f} times as fast as the original; ask for less or take a smaller network")
    return reaching
