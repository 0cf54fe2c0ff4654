"""What `prune` tells of its plan."""

import pytest

from mtzoo.engine.pruning import PruningPlan
from mtzoo.recipes.prune_results import overshoot_text
from mtzoo.settings.pruning import Pruning


@pytest.mark.parametrize(("criterion", "removed", "told"), [
    ("macs", 0.25, "; 20.0 % were asked for, and no smaller step reaches that"),
    ("latency", 0.25, "; 20.0 % were asked for, and single steps of channels are not tried: what one takes of the latency is within "
                      "the noise"),
    ("macs", 0.21, ""),
])
def test_what_goes_beyond_the_ratio_is_told_with_the_reason(criterion, removed, told):
    assert overshoot_text(PruningPlan((), (), removed), Pruning(0.2, criterion=criterion)) == told


def test_without_a_ratio_nothing_is_too_much():
    assert overshoot_text(PruningPlan((), (), 0.9), Pruning(None)) == ""
