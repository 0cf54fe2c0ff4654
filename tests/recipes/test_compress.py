import pytest

import mtzoo


@pytest.mark.parametrize(("target", "training", "said"), [
    (mtzoo.Target(), mtzoo.Training(), "the length of the training is missing"),
    (mtzoo.Target(deploy_hardware="gone"), mtzoo.Training(2), "gone"),
    (mtzoo.Target(strategy="melt+int8"), mtzoo.Training(2), "melt"),
])
def test_what_is_missing_or_unknown_is_told_before_a_folder_is_made(project, tmp_path, quiet, target, training, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.compress(project / "float.pt", out=tmp_path / "out", target=target, training=training, console=quiet)
    assert not (tmp_path / "out").exists()
