"""What a pair is refused for; its figures are tested in tests/cli/test_pair.py."""

import pytest

import mtzoo


def test_two_models_of_the_whole_image_are_no_pair(project, tmp_path, quiet):
    model = mtzoo.export(project / "float.pt", tmp_path / "model.onnx").model
    with pytest.raises(mtzoo.UserError, match="--crop names a model that sees the whole image"):
        mtzoo.evaluate_pair(model, model, threads=1, runs=0, console=quiet)


def test_a_model_that_is_not_there_is_named(quiet):
    with pytest.raises(mtzoo.UserError, match="model 'gone'"):
        mtzoo.evaluate_pair("gone", "gone", console=quiet)
