import pytest

import mtzoo


def test_a_checkpoint_and_its_model_by_one_evaluator(project, tmp_path, quiet, monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", str(project))  # a deploy model names no folder of this machine
    model = mtzoo.export(project / "float.pt", tmp_path / "float.onnx").model
    of_checkpoint = mtzoo.evaluate(project / "float.pt", ctx="cpu", limit=2, console=quiet)
    of_model = mtzoo.evaluate(model, executor="onnxruntime", limit=2, console=quiet)
    assert of_checkpoint.metrics.keys() == of_model.metrics.keys() >= {"seg/mIoU", "det/AP50"}
    assert of_model.metrics["seg/mIoU"] == pytest.approx(of_checkpoint.metrics["seg/mIoU"], abs=0.5)
    assert of_checkpoint.converted == {}


@pytest.mark.parametrize(("name", "options", "said"), [
    ("model.onnx", {"convert": True}, "is converted already"), ("model.onnx", {"tta": ["flip"]}, "works with a float checkpoint"),
    ("float.pt", {"convert": True}, "a float checkpoint cannot be converted"), ("gone.pt", {}, "gone.pt"),
    ("float.pt", {"options": {"data_rot": "x"}}, "data_rot: unknown key"),
])
def test_what_does_not_go_together_is_told(project, quiet, name, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.evaluate(project / name, ctx="cpu", console=quiet, **options)
