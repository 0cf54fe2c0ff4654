"""tools/one_line_errors.py: scripts tell a mistake of their user as `mtzoo` does, without a traceback."""

import pytest

NO_CONFIG = "config 'no/such': no such file"
PUBLISHED = ["--weights", "none", "--data", "none"]


@pytest.mark.parametrize(("script", "arguments", "line"), [
    ("latency_floor", ["no/such"], NO_CONFIG),
    ("training_speed", ["no/such"], NO_CONFIG),
    ("draw_architecture", ["--out", "pictures", "--config", "no/such"], NO_CONFIG),
    ("trunk_picture", ["none.md", "out.svg"], "No such file or directory: 'none.md'"),
    ("trunk_picture", ["page.md", "out.svg"], "no table with the columns mIoU val / test and AP50 val / test"),
    ("foreign_table", [*PUBLISHED, "--out", "foreign", "--only", "espnetv2"], "no such file"),
    ("foreign_study", PUBLISHED, "no such file"),
    ("foreign_peers", ["--peers", "none", "--camvid", "none", "--model", "none.onnx"], "none/images: holds no image"),
    ("detection_peers", ["--images", "none", "--boxes", "none.json"], "no images folder none"),
    ("pseudo_labels", ["--nanodet", "none.onnx", "--images", ".", "--out", "out"], "none.onnx: no such file; give the ONNX file"),
])
def test_a_mistake_is_one_line(load_tool, tmp_path, monkeypatch, capsys, script, arguments, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text("| trunk | ms |\n|---|---|\n")
    assert load_tool(script).main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert line in error
    assert error.count("\n") == 1
