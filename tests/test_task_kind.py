"""Kinds of tasks: every table has an entry for each, and none that does not exist is answered silently."""

import ast
from pathlib import Path

import pytest

from mtzoo.config.task import TaskConfig
from mtzoo.errors import UserError
from mtzoo.registry import LOSSES, NODES, find
from mtzoo.task_kind import KINDS, ByKind, task_kind

PACKAGE = Path(__file__).resolve().parents[1] / "mtzoo"


def test_a_table_without_a_kind_cannot_be_made():
    whole = dict.fromkeys(KINDS, 1)
    assert dict(ByKind(whole)) == whole
    with pytest.raises(ValueError, match="differ in segmentation"):
        ByKind({kind: 1 for kind in KINDS if kind != "segmentation"})
    with pytest.raises(ValueError, match="differ in depth"):
        ByKind({**whole, "depth": 1})


@pytest.mark.parametrize("wrong", ["detect", "", None, ["detection"]])
def test_an_unknown_kind_is_an_error_wherever_it_is_asked_for(wrong):
    with pytest.raises(UserError, match="no such kind of task"):
        task_kind(wrong)
    with pytest.raises(UserError, match="no such kind of task"):
        ByKind(dict.fromkeys(KINDS, 1))[wrong]


def test_what_a_kind_names_is_there():
    for kind in KINDS.values():
        assert kind.name == find(LOSSES, kind.loss, kind.name).KIND
        assert kind.name == find(NODES, kind.head, kind.name).KIND
        assert kind.main_metric in kind.metrics
        assert kind.decoder_key is None or kind.decoder_key in TaskConfig.__dataclass_fields__


def test_every_loss_says_its_kind():
    find(LOSSES, "SegmentationLoss", "here")
    assert {loss.KIND for loss in LOSSES.module_dict.values()} == set(KINDS)


def test_nothing_branches_between_kinds():
    """A comparison with a kind's name asks for one kind alone: what differs between kinds stands in a table."""
    texts = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    branches = [f"{path.relative_to(PACKAGE)}:{node.lineno}" for path, text in texts.items()
                if any(f'"{kind}"' in text for kind in KINDS) for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.If | ast.IfExp) and node.orelse and _compares_a_kind(node.test)]
    assert not branches


def _compares_a_kind(test: ast.expr) -> bool:
    named = [node for node in ast.walk(test) if isinstance(node, ast.Compare)
             for side in (node.left, *node.comparators) if isinstance(side, ast.Constant) and side.value in KINDS]
    return bool(named)
