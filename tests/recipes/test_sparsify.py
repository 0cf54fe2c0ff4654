import pytest

import mtzoo

SHORT = mtzoo.Retraining(1)


def test_what_becomes_zero_has_to_be_said(project, tmp_path, quiet):
    with pytest.raises(mtzoo.UserError, match="nothing says what becomes zero"):
        mtzoo.sparsify(project / "float.pt", out=tmp_path / "out", retraining=SHORT, console=quiet)


@pytest.mark.slow
def test_zeros_stay_zero_in_the_integers(project, tmp_path, quiet):
    made = mtzoo.sparsify(project / "float.pt", out=tmp_path / "out", ratio=0.75, retraining=mtzoo.Retraining(2), calib_images=2,
                          limit=2, threads=None, console=quiet)
    assert made.integers.passed
    assert made.checkpoint.is_file()
    assert made.latency == {}
    assert made.sparse.nonzero < 0.6 * made.dense.nonzero
