import pytest

import mtzoo


@pytest.mark.slow
def test_one_stage_of_training_ends_in_integers(project, tmp_path, quiet):
    made = mtzoo.quant(project / "float.pt", out=tmp_path / "out", retraining=mtzoo.Retraining(1, batch_size=2), limit=2, threads=None,
                       console=quiet)
    assert made.passed
    assert made.result.differing[0] == 0
    assert made.model.is_file()


def test_how_long_to_train_has_to_be_said():
    with pytest.raises(mtzoo.UserError, match="the length of the training is missing"):
        mtzoo.Retraining(None)
