import math

import pytest
import torch

import mtzoo
from mtzoo.config import config_from_dict
from tests.engine.teachers import save_teacher
from tests.tiny import config_values, phase, tiny_config

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


def of_unlabelled_images(project, **changes):
    """The tiny config whose segmentation reads the project's images without their masks."""
    solver = [{"prefix": "with-bn", "float_phase": phase(2)}, *LATER]
    values = config_values(project, ["seg"], solver=solver, **changes)
    values["sources"]["drives"] = {"type": "UnlabelledImages", "images": str(project / "images")}
    values["tasks"]["seg"]["train"] = ["drives"]
    return values


def test_a_teacher_alone_trains_a_network(project, tmp_path, quiet):
    save_teacher(tmp_path / "teacher.pt", config_values(project, ["seg"]))
    config = config_from_dict(of_unlabelled_images(project, distillation={"teacher": str(tmp_path / "teacher.pt")}))
    result = mtzoo.train(config, tmp_path / "run", console=quiet)
    assert math.isfinite(result.metrics["seg/mIoU"])
    first, last = (mtzoo.load_checkpoint(tmp_path / "run" / name)[0] for name in ("with-bn-float-init.pt", "with-bn-float-last.pt"))
    assert not all(torch.equal(old, new) for old, new in zip(first.parameters(), last.parameters()))


@pytest.mark.parametrize("distillation", [None, {"unlabelled": False}])
def test_images_without_labels_need_a_teacher_that_uses_them(project, tmp_path, quiet, distillation):
    save_teacher(tmp_path / "teacher.pt", config_values(project, ["seg"]))
    spec = {"distillation": {"teacher": str(tmp_path / "teacher.pt"), **distillation}} if distillation else {}
    config = config_from_dict(of_unlabelled_images(project, **spec))
    with pytest.raises(mtzoo.UserError, match=r"seg.train: source 'drives' has no labels, so only a teacher can use it; give --di"):
        mtzoo.train(config, tmp_path / "run", console=quiet)
    assert not (tmp_path / "run").exists()


def test_images_without_labels_validate_nothing(project):
    values = of_unlabelled_images(project)
    values["tasks"]["seg"]["val"] = ["drives"]
    with pytest.raises(mtzoo.UserError, match=r"tasks.seg.val\[0\]: source 'drives' has no labels to compare with"):
        config_from_dict(values)
