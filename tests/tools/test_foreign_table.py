"""tools/foreign_table.py: the rows of docs/foreign_measured.md, made once and measured later."""

import json

import cv2
import numpy as np
import pytest

import mtzoo
from tests.foreign.files import noise_pictures, one_convolution

HW = (16, 24)


@pytest.fixture
def tool(load_tool, monkeypatch, tmp_path):
    """The script with one subject, a convolution of five outputs."""
    foreign_table = load_tool("foreign_table")
    path = one_convolution(tmp_path / "net.onnx", "logits", 5)
    noise_pictures(tmp_path / "images", HW)
    source = mtzoo.from_onnx(path, mean=[0.5], std=[0.25])
    subject = foreign_table.Subject(source, foreign_table.image_files(tmp_path / "images"), lambda run, paths: float(len(paths)))
    monkeypatch.setattr(foreign_table, "SUBJECTS", {"tiny": lambda args: subject})
    return foreign_table


def test_a_row_is_measured_after_it_was_made(tool, tmp_path, capsys):
    out = tmp_path / "out"
    common = ["--weights", str(tmp_path), "--data", str(tmp_path), "--out", str(out), "--threads", "1", "--runs", "1"]
    with pytest.raises(SystemExit):
        tool.main([*common, "--bench-only"])
    assert "has no row of an earlier run" in capsys.readouterr().err
    assert tool.main([*common, "--no-bench", "--calib-images", "2", "--images", "2", "--verify-images", "1"]) == 0
    made = json.loads((out / "tiny.json").read_text())
    assert (made["values"], made["differing"], made["images"], made["calibration"]) == (2 * 5 * HW[0] * HW[1], 0, 2, 2)
    assert (made["scores"], made["latency_ms"]) == ([2.0, 2.0], {})
    assert made["outputs"]["logits"][0] > 0.99
    file = (out / "tiny-int8.onnx").read_bytes()
    capsys.readouterr()
    assert tool.main([*common, "--bench-only"]) == 0
    row = json.loads((out / "tiny.json").read_text())
    assert min(row["latency_ms"].values()) > 0
    assert {**row, "latency_ms": {}} == {**made, "threads": 1}
    assert (out / "tiny-int8.onnx").read_bytes() == file
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| tiny | 16x24 | 2.00 / 2.00 |")
    assert f"| {row['latency_ms']['openvino bf16']:.1f} |" in last


def test_a_class_that_no_frame_has_is_left_out_of_the_mean(load_tool, tmp_path):
    """Sky (train id 10) is found on 2 of its 3 pixels, and road (0) on a pixel too many: 2/3 and 0/1."""
    for name, image in (("images", np.zeros((2, 2, 3), np.uint8)), ("masks", np.array([[0, 0], [0, 11]], np.uint8))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), image)
    logits = np.zeros((1, 19, 2, 2), np.float32)
    logits[0, 10], logits[0, 0, 0, 1] = 1, 2
    found = load_tool("foreign_table").camvid_miou(lambda image: {"output": logits}, [tmp_path / "images" / "0.png"], (2, 2))
    assert found == pytest.approx(100 * (2 / 3 + 0) / 2)
