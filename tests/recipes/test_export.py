import pytest

import mtzoo
from mtzoo.hub import open_source, pull
from mtzoo.recipes.push_model import push_model


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


def test_a_json_file_of_the_user_is_not_overwritten(project, tmp_path):
    (tmp_path / "boxes.json").write_text('{"images": []}')
    with pytest.raises(mtzoo.UserError) as caught:
        mtzoo.export(project / "float.pt", tmp_path / "boxes.onnx")
    assert str(caught.value) == (f"{tmp_path / 'boxes.json'}: no sidecar of a model, or a damaged one; it would be overwritten by that "
                                 "of boxes.onnx: choose another --out")
    assert (tmp_path / "boxes.json").read_text() == '{"images": []}'
    assert not (tmp_path / "boxes.onnx").exists()


def test_a_model_takes_the_place_of_an_earlier_one(project, tmp_path):
    first = mtzoo.export(project / "float.pt", tmp_path / "model.onnx").info
    assert mtzoo.export(project / "float.pt", tmp_path / "model.onnx", layout="nhwc").info != first


def test_weights_of_the_zoo_do_not_take_the_place_of_its_deploy_model(monkeypatch, tmp_path, project):
    monkeypatch.setenv("MTZOO_ZOO", str(tmp_path / "pulled"))
    push_model("own", tmp_path / "zoo", checkpoint=project / "float.pt")
    pull(open_source(str(tmp_path / "zoo")), "own", tmp_path / "pulled")
    (tmp_path / "pulled" / "own.onnx").write_bytes(b"the model that was pulled")
    with pytest.raises(mtzoo.UserError, match=r"own\.safetensors: the zoo's own deploy model lies beside it; add --out FILE"):
        mtzoo.export("zoo:own")
    assert (tmp_path / "pulled" / "own.onnx").read_bytes() == b"the model that was pulled"
    assert mtzoo.export("zoo:own", tmp_path / "own.onnx").model.is_file()
