import pytest

import mtzoo


def test_a_checkpoint_alone_is_enough(project, tmp_path, quiet):
    made = mtzoo.quantize(project / "float.pt", out=tmp_path / "out", calib_images=2, limit=2, threads=None, console=quiet)
    assert made.passed
    assert made.holds
    assert made.model.is_file()
    assert made.checkpoint == tmp_path / "out" / "int-inference-last.pt"
    assert made.result.differing[0] == 0 < made.result.differing[1]
    assert made.result.bytes < made.base.bytes / 2
    assert set(made.drops) == {"det", "seg", "cls"}


@pytest.mark.parametrize(("options", "said"), [
    ({"max_drop": -1.0}, "--max-drop -1.0"), ({"config": "gone"}, "config 'gone'"), ({"equalize": "much"}, "much"),
])
def test_options_that_cannot_be_are_told(project, tmp_path, quiet, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.quantize(project / "float.pt", out=tmp_path / "out", calib_images=2, console=quiet, **options)


def test_a_folder_that_holds_something_is_left_alone(project, tmp_path, quiet):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(mtzoo.UserError, match="is not empty"):
        mtzoo.quantize(project / "float.pt", out=tmp_path, calib_images=2, console=quiet)
