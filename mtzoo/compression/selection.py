"""In which order channels go: the least important per saved cost first, or the same share everywhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mtzoo.compression.channels import ChannelGroup, Scores
from mtzoo.compression.widths import ChannelState
from mtzoo.settings.pruning import Scope

Choice = dict[str, int]
"""Channel group -> how many of its units stay; groups that are not named keep all."""


@dataclass(frozen=True)
class Step:
    """A group gets narrower. count: units of it that stay; removed: share of the network's cost that is gone after this step."""

    group: str
    count: int
    removed: float


def order_steps(groups: Sequence[ChannelGroup], scores: Scores, widths: ChannelState, scope: Scope,
                limits: Mapping[str, int] | None = None) -> Iterator[Step]:
    """All steps, the first to be taken first; `widths` follows them.

    "global": always the step that loses least importance for what it saves. "uniform": always the one after which the smallest
    share of its group is gone, of several of them that which loses least.
    limits: group -> how many units have to stay, of those groups that may be touched; None: all may.
    """
    total = widths.total()
    left, present = total, {group.name: len(group.units) for group in groups}

    def candidates() -> Iterator[tuple[float, float, ChannelGroup, int]]:
        for group in groups:
            now = present[group.name]
            count = next((c for c in group.counts if c < now), now)
            units = group.units[len(group.units) - now:len(group.units) - count]
            if not widths.any_left(units):  # nothing to go any more, or it went with its block
                continue
            if limits is None or count >= limits.get(group.name, now):
                share = 1 - count / len(group.units) if scope == "uniform" else 0.0
                matters = widths.score([group.gates] if group.gates else units, scores)
                yield share, matters / max(widths.saving(units), 1), group, count

    while found := min(candidates(), key=lambda candidate: candidate[:2], default=None):
        group, count = found[2], found[3]
        units = group.removed(count)
        left -= widths.saving(units)
        widths.remove(units)
        present[group.name] = count
        yield Step(group.name, count, 1 - left / total)


def choice_of(steps: Iterable[Step]) -> Choice:
    """What stays after steps in their order."""
    return {step.group: step.count for step in steps}
