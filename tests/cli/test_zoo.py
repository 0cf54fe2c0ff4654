"""`mtzoo zoo`: a model pushed by one user, pulled and used by another."""

import pytest

from mtzoo.cli.main import main
from tests.checkpoints import write_checkpoint
from tests.cli.predict_helpers import write_image
from tests.tiny import tiny_config, write_images


@pytest.fixture
def checkpoints(tmp_path):
    """(a float checkpoint, the deploy model of its integers)."""
    config = tiny_config(write_images(tmp_path / "data"))
    write_checkpoint(tmp_path / "integers.pt", config, 3)
    assert main(["export", str(tmp_path / "integers.pt"), "--out", str(tmp_path / "model.onnx")]) == 0
    return write_checkpoint(tmp_path / "float.pt", config, 0, quantized=False), tmp_path / "model.onnx"


@pytest.mark.slow
def test_a_pushed_model_is_pulled_and_used_by_name(checkpoints, tmp_path, monkeypatch, capsys):
    weights, model = checkpoints
    card, zoo = tmp_path / "card.md", tmp_path / "zoo"
    card.write_text("# tiny")
    monkeypatch.setenv("MTZOO_ZOO", str(tmp_path / "pulled"))
    files = ["--model", str(model), "--checkpoint", str(weights), "--card", str(card)]
    assert main(["zoo", "push", "tiny", "--to", str(zoo), *files]) == 0
    assert main(["zoo", "list", "--from", str(zoo)]) == 0
    assert "tiny: onnx " in capsys.readouterr().out
    assert main(["zoo", "pull", "tiny", "--from", str(zoo)]) == 0
    assert "mtzoo predict tiny PHOTOS --out DIR" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "pulled").iterdir()} == {"tiny.onnx", "tiny.json", "tiny.safetensors", "tiny.md"}
    photo = tmp_path / "photo.png"
    write_image(photo)
    assert main(["predict", "tiny", str(photo), "--out", str(tmp_path / "seen")]) == 0
    assert "photo.png" in (tmp_path / "seen" / "results.json").read_text()
    data = tmp_path / "data"
    places = [f"sources.boxes.images={data}/images", f"sources.boxes.annotations={data}/boxes.json",
              f"sources.masks.images={data}/images", f"sources.masks.masks={data}/masks"]
    assert main(["eval", "zoo:tiny", "--ctx", "cpu", "--cfg-options", *places]) == 0
    assert "pixel_accuracy" in capsys.readouterr().out


def test_mistakes_are_told_in_one_line(checkpoints, tmp_path, monkeypatch, capsys):
    weights, model = checkpoints
    monkeypatch.setenv("MTZOO_ZOO", str(tmp_path / "pulled"))
    for options, message in ([], "nothing to push"), (["--model", model, "--half"], "--half changes nothing without --checkpoint"), (
            ["--model", model, "--int8"], "--int8 changes nothing without --checkpoint"), (
            ["--checkpoint", tmp_path / "integers.pt"], "a quantized checkpoint"), (
            ["--model", tmp_path / "gone.onnx"], "gone.onnx"), (
            ["--card", tmp_path / "gone.md"], "gone.md"), (["--checkpoint", weights, "--card", tmp_path / "gone.md"], "gone.md"):
        assert main(["zoo", "push", "tiny", "--to", str(tmp_path / "zoo"), *map(str, options)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not list((tmp_path / "zoo").glob("tiny*"))
    assert main(["zoo", "pull", "../x", "--from", str(tmp_path)]) == 2
    assert "model name" in capsys.readouterr().err
