"""The code keeps to Python 3.10, the oldest that setup.py allows: ruff sees to its syntax, this to the standard library."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEWER = {
    "typing": {"LiteralString", "Never", "NotRequired", "Required", "Self", "TypeAliasType", "TypeVarTuple", "Unpack", "assert_never",
               "assert_type", "dataclass_transform", "override", "reveal_type"},
    "enum": {"EnumCheck", "FlagBoundary", "ReprEnum", "StrEnum", "member", "nonmember", "verify"},
    "datetime": {"UTC"}, "contextlib": {"chdir"}, "itertools": {"batched"}, "operator": {"call"}, "math": {"cbrt", "exp2", "sumprod"},
    "hashlib": {"file_digest"}, "warnings": {"deprecated"}, "asyncio": {"Runner", "TaskGroup", "timeout"},
}
"""What the modules have got in Python 3.11 to 3.13."""
NEWER_MODULES, NEWER_BUILTINS = {"tomllib"}, {"ExceptionGroup", "BaseExceptionGroup", "PythonFinalizationError"}


def newer_parts(source):
    """Names in a file that Python 3.10 does not have."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{a.name}" for a in node.names if a.name in NEWER.get(node.module, ()))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in NEWER.get(node.value.id, ()):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in NEWER_MODULES)
        elif isinstance(node, ast.Name) and node.id in NEWER_BUILTINS:
            yield node.id


@pytest.mark.parametrize("folder", ["mtzoo", "configs", "tools"])
def test_nothing_is_used_that_python_3_10_lacks(folder):
    found = {str(path.relative_to(ROOT)): names for path in (ROOT / folder).rglob("*.py")
             if (names := list(newer_parts(path.read_text())))}
    assert not found


def test_newer_parts_are_found_in_every_form():
    source = "from typing import Any, Self\nimport math, tomllib\nx = math.cbrt(8)\ntry: y\nexcept ExceptionGroup: pass\n"
    assert set(newer_parts(source)) == {"typing.Self", "tomllib", "math.cbrt", "ExceptionGroup"}
