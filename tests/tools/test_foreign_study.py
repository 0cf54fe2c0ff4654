"""tools/foreign_study.py: its tables, on a network of one convolution in place of ESPNetv2."""


import pytest

import mtzoo
from tests.foreign.files import noise_pictures, one_convolution

HW = (16, 24)


@pytest.fixture
def tool(load_tool, monkeypatch, tmp_path):
    foreign_study, foreign_table = load_tool("foreign_study"), load_tool("foreign_table")
    path = one_convolution(tmp_path / "net.onnx", "output", 20)
    noise_pictures(tmp_path / "images", HW)
    noise_pictures(tmp_path / "masks", HW, 10)
    source, frames = mtzoo.from_onnx(path, mean=[0.5], std=[0.25]), foreign_table.image_files(tmp_path / "images")
    subject = foreign_table.Subject(source, frames[:2], None, [frames[2:3], frames[3:]])
    monkeypatch.setattr(foreign_study, "espnetv2", lambda args, hw: subject)
    return foreign_study


@pytest.mark.slow
def test_rows_of_calibrations_and_trainings_and_the_best_file(tool, tmp_path, capsys):
    out = tmp_path / "best.onnx"
    assert tool.main(["--weights", str(tmp_path), "--data", str(tmp_path), "--hw", "16x24", "--calib-images", "2",
                      "--settings", "1", "--distil-iters", "3", "--distil-images", "2", "--learning-rates", "1e-3", "--ctx", "cpu",
                      "--out", str(out)]) == 0
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in said.splitlines() if line.startswith("| ")][1:]
    assert [row[0].split(" in ")[0] for row in rows] == [
        "float", "2 images, mse, equalize network, bias correction on", "3 iterations", "chosen from"]
    assert rows[0][2:] == ["100.00 %", "inf"]
    assert all(90 < float(row[2].removesuffix(" %")) <= 100 and 20 < float(row[3]) < 80 for row in rows[1:])
    assert "'integer': 0, 'onnxruntime': 0, 'openvino': 0" in said
    assert out.exists()
