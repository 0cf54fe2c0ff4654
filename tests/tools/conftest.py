import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def load_tool(monkeypatch) -> Iterator[Callable[[str], ModuleType]]:
    """Name of a script of tools/ -> its module. All scripts are forgotten behind the test, those that it imports, too."""
    monkeypatch.syspath_prepend(TOOLS)
    yield importlib.import_module
    for path in TOOLS.glob("*.py"):
        sys.modules.pop(path.stem, None)
