"""Whole runs with a teacher and with zero weights: through all steps, and interrupted."""

import shutil

import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.errors import UserError
from tests.engine.test_distillation import save_teacher
from tests.engine.tiny_runs import Interrupter, go
from tests.tiny import config_values

LAST = ("with-bn-float-last", "with-bn-last", "fusion-bn-c1-last", "fusion-bn-c2-last")


@pytest.fixture(scope="module")
def values(images):
    """A wider teacher, a feature of it, losses of outputs, and zero weights that grow until the second iteration."""
    wider = config_values(images)
    wider["nodes"]["backbone"]["width"] = 0.5
    save_teacher(images / "teacher.pt", wider)
    return config_values(images, distillation={"teacher": str(images / "teacher.pt"), "features": {"backbone.stages.2": 1.0}},
                         sparsity={"ratio": 0.6, "interval": 1})


@pytest.mark.slow
def test_an_interrupted_run_ends_as_the_uninterrupted_one(images, values, tmp_path, monkeypatch):
    """Bit for bit, with the teacher's file moved in between, in the float phase, under fake-quant and after the last fold."""
    config = config_from_dict(values)
    finished = go(config, tmp_path / "whole")
    interrupter = Interrupter(monkeypatch)
    moved = shutil.copy(images / "teacher.pt", tmp_path / "moved.pt")
    again = config_from_dict({**values, "distillation": {**values["distillation"], "teacher": str(moved)}})
    for done in (3, 5, 7):
        interrupter.left = done
        with pytest.raises(KeyboardInterrupt):
            go(again, tmp_path / "parts", resume=True)
    interrupter.left = None
    go(config, tmp_path / "parts", resume=True)
    gone = {}
    for name in LAST:
        whole, parts = (load_checkpoint(tmp_path / folder / f"{name}.pt") for folder in ("whole", "parts"))
        assert all(torch.equal(value, parts.network[key]) for key, value in whole.network.items()), name
        assert [record["curve"] for record in whole.history] == [record["curve"] for record in parts.history], name
        projections, other = (checkpoint.training["criterion"] for checkpoint in (whole, parts))
        assert list(projections) == ["distiller.projections.backbone/stages/2.weight"]
        assert all(torch.equal(value, other[key]) for key, value in projections.items())
        zeros = {key: value == 0 for key, value in whole.network.items() if key.endswith("conv.weight")}
        gone = gone if gone else zeros
        assert all(bool(zeros[key][mask].all()) for key, mask in gone.items()), name  # through fake-quant and folds
    assert sum(int(mask.sum()) for mask in gone.values()) > 0.5 * sum(mask.numel() for mask in gone.values())
    assert not any("projection" in name or "teacher" in name for name in whole.network)
    for record in finished.history:
        assert {"distil.det.cls", "distil.det.box", "distil.seg.logits", "distil.backbone.stages.2"} <= set(record.curve[-1][1])


@pytest.mark.slow
def test_another_teacher_does_not_go_on(images, values, tmp_path, monkeypatch):
    config = config_from_dict(values)
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 0
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "run", float_only=True)
    save_teacher(tmp_path / "other.pt", config_values(images), seed=5)
    other = config_from_dict({**values, "distillation": {**values["distillation"], "teacher": str(tmp_path / "other.pt")}})
    with pytest.raises(UserError, match=r"other.pt: not the teacher that the run in .*run has learnt from"):
        go(other, tmp_path / "run", float_only=True, resume=True)


def test_a_bad_teacher_claims_no_work_dir(values, tmp_path):
    bad = config_from_dict({**values, "distillation": {"teacher": str(tmp_path / "gone.pt")}})
    with pytest.raises(UserError, match=r"gone.pt: no such checkpoint"):
        go(bad, tmp_path / "run")
    assert not (tmp_path / "run").exists()
