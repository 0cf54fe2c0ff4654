import math

import pytest

import mtzoo
from tests.tiny import phase, tiny_config

LATER = [{"prefix": "c1", "quant_phase": phase(1)}, {"prefix": "c2", "quant_phase": phase(1)}, {"prefix": "int"}]


def test_a_training_leaves_a_checkpoint_and_metrics(project, tmp_path, capsys):
    solver = [{"prefix": "with-bn", "float_phase": phase(1)}, *LATER]
    result = mtzoo.train(tiny_config(project, ["seg"], solver=solver), tmp_path / "run")
    assert result.out == tmp_path / "run"
    assert result.checkpoint == tmp_path / "run" / "with-bn-float-last.pt"
    assert math.isfinite(result.metrics["seg/mIoU"])
    assert "with-bn-float 1/1" in capsys.readouterr().out
    net, config = mtzoo.load_checkpoint(result.checkpoint)
    assert list(config.classes) == ["seg"]
    with pytest.raises(mtzoo.UserError, match="resume"):
        mtzoo.train(config, tmp_path / "run")


def test_nothing_is_printed_with_a_quiet_console(project, tmp_path, quiet, capsys):
    config = tiny_config(project, ["seg"], solver=[{"prefix": "with-bn", "quant_phase": phase(1)}, *LATER])
    with pytest.raises(mtzoo.UserError, match="has no float_phase"):
        mtzoo.train(config, tmp_path / "run", console=quiet)
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().out == ""


def test_several_devices_are_not_taken_for_one(project, tmp_path, quiet):
    with pytest.raises(mtzoo.UserError, match="names several devices"):
        mtzoo.train(project / "tiny.py", tmp_path / "run", ctx="cpu:2", console=quiet)
