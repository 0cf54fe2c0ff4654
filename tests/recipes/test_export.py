import pytest

import mtzoo


def test_a_checkpoint_becomes_a_model(project, tmp_path):
    made = mtzoo.export(project / "float.pt", tmp_path / "model.onnx", layout="nhwc")
    assert made.model == tmp_path / "model.onnx"
    assert made.bytes == made.model.stat().st_size
    assert made.info.input_layout == "nhwc"
    assert (tmp_path / "model.json").is_file()


@pytest.mark.parametrize(("options", "said"), [({"out": "model.pb"}, "must end in .onnx"), ({"keep_raw": True}, "has raw maps only")])
def test_what_does_not_go_together_is_told(project, tmp_path, options, said):
    options = {"out": "model.onnx", **options}
    options["out"] = tmp_path / options["out"]
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.export(project / "float.pt", **options)
    assert not list(tmp_path.iterdir())
