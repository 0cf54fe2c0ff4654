"""What all verbs share."""

from functools import partial

import pytest

from mtzoo.engine import pruning


@pytest.fixture(autouse=True)
def few_taylor_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of 2 batches instead of 16: which channels go does not matter here."""
    monkeypatch.setattr(pruning, "training_losses", partial(pruning.training_losses, batches=2))
