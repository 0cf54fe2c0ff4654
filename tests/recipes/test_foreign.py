"""Somebody else's file from Python: the recipes behind `ptq --onnx` and `compress --onnx`, whose verbs have tests of their own."""

import pytest

import mtzoo
from mtzoo.console import PlainConsole
from mtzoo.errors import UserError
from mtzoo.recipes.foreign.images import batches_of, read_folder
from tests.cli.test_ptq_onnx import HW, float_file, images  # noqa: F401

QUIET = PlainConsole(quiet=True)


def test_a_file_is_quantized_without_a_word(images, tmp_path, capsys):  # noqa: F811
    source = mtzoo.FloatOnnx(float_file(tmp_path / "net.onnx"), [0.4], [0.25])
    made = mtzoo.quantize_onnx(source, images, tmp_path / "out", threads=None, limit=1, console=QUIET)
    assert made.passed
    assert made.model == tmp_path / "out" / "net-int8.onnx"
    assert made.agreement["logits"].cosine > 0.9
    assert (made.images, made.latency_ms) == (1, {})
    assert capsys.readouterr() == ("", "")


def test_half_of_a_folder_is_observed_and_others_compare(images):  # noqa: F811
    folder = read_folder(images, HW, 64, 2)
    assert (len(folder.calibration), len(folder.held_out)) == (3, 2)
    rgb, bgr = (batches_of(folder.calibration, order, size=2) for order in ("rgb", "bgr"))
    assert [batch.shape for batch in rgb] == [(2, 3, *HW), (1, 3, *HW)]
    assert (rgb[0] == bgr[0][:, ::-1]).all()


@pytest.mark.parametrize(("values", "message"), [
    ({"learning_rate": 1e-4}, "--learning-rate has no effect without --iters"),
    ({"iterations": 2, "learning_rate": 0.0}, "learning rate 0"),
    ({"soft_labels": True}, "--soft-labels has no effect without --iters"),
    ({"ctx": "gpu"}, "--ctx gpu")])
def test_distillation_that_cannot_be_is_told_at_once(values, message):
    with pytest.raises(UserError, match=message):
        mtzoo.Distillation(**values)
