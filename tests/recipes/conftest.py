"""What the recipes' tests share: a tiny project whose float checkpoint brings its config along."""

from functools import partial
from pathlib import Path

import pytest

from mtzoo.console import PlainConsole
from mtzoo.engine import pruning
from tests.cli.ptq_helpers import write_project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """images/, tiny.py with a task of each kind, and float.pt; do not change it."""
    return write_project(tmp_path_factory.mktemp("recipes") / "data", ("det", "seg", "cls"))


@pytest.fixture
def quiet() -> PlainConsole:
    return PlainConsole(quiet=True)


@pytest.fixture(autouse=True)
def few_taylor_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of 2 batches instead of 16: which channels go does not matter here."""
    monkeypatch.setattr(pruning, "training_losses", partial(pruning.training_losses, batches=2))
