import pytest

import mtzoo
from mtzoo.recipes import exported


def test_a_checkpoint_alone_is_enough_also_after_an_interrupt(project, tmp_path, quiet, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    verify = exported.verify
    monkeypatch.setattr(exported, "verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mtzoo.quantize(project / "float.pt", out=tmp_path / "out", calib_images=1, limit=1, threads=None, console=quiet)
    monkeypatch.setattr(exported, "verify", verify)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []
    made = mtzoo.quantize(project / "float.pt", out=tmp_path / "out", calib_images=2, limit=2, threads=None, console=quiet)
    assert made.passed
    assert made.holds
    assert made.model.is_file()
    assert made.checkpoint == tmp_path / "out" / "int-inference-last.pt"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.json", "int-inference-export-last.json", "int-inference-export-last.onnx", "int-inference-last.pt"}
    assert made.result.differing[0] == 0 < made.result.differing[1]
    assert made.result.bytes < made.base.bytes / 2
    assert set(made.drops) == {"det", "seg", "cls"}


@pytest.mark.parametrize(("options", "said"), [
    ({"max_drop": -1.0}, "--max-drop -1.0"), ({"config": "gone"}, "config 'gone'"), ({"equalize": "much"}, "much"),
    ({"ctx": "0,1"}, "--ctx 0,1: names several devices"),
])
def test_options_that_cannot_be_are_told(project, tmp_path, quiet, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.quantize(project / "float.pt", out=tmp_path / "out", calib_images=2, console=quiet, **options)


def test_a_folder_that_holds_something_is_left_alone(project, tmp_path, quiet):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(mtzoo.UserError, match="is not empty"):
        mtzoo.quantize(project / "float.pt", out=tmp_path, calib_images=2, console=quiet)
