import argparse
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mtzoo.cli.data import parse_size
from mtzoo.cli.main import main
from mtzoo.data import CocoBoxes


def test_size_is_height_by_width():
    assert parse_size("720x1280") == (720, 1280)
    for text in ("720", "x5", "0x5", "axb", "-1x5"):
        with pytest.raises(argparse.ArgumentTypeError, match="height x width"):
            parse_size(text)


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine.txt").touch()
    assert main(["data", "synth", "--out", str(tmp_path), "--num", "1", "--seed", "0"]) == 2
    assert "not empty" in capsys.readouterr().err


def test_bad_counts(tmp_path, capsys):
    assert main(["data", "synth", "--out", str(tmp_path / "new"), "--num", "0", "--seed", "0"]) == 2
    assert "--num 0" in capsys.readouterr().err


def test_check_lists_faults_of_train_and_val_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}], "categories": [{"id": 1, "name": "car"}],
               "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 0, 4]}]}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    source = CocoBoxes(str(tmp_path / "images"), str(tmp_path / "boxes.json"), "own")
    task = SimpleNamespace(name="det", kind="detection", classes=("car",), train_sources=(source,), val_sources=(source,))
    monkeypatch.setattr("mtzoo.cli.data.config_from_arguments", lambda args: SimpleNamespace(tasks=(task,)))
    assert main(["data", "check", "own"]) == 2
    *folders, fault, summary = capsys.readouterr().out.splitlines()
    assert folders == [f"{split} images {tmp_path}/images, labels {tmp_path}/boxes.json" for split in ("train", "val")]
    assert fault == f"{tmp_path}/boxes.json: annotations[0] id=5: bbox [1, 1, 0, 4] has no area; mend or drop the annotation"
    assert summary == "1 fault; 2 images checked for 1 tasks"

    content["annotations"] = []
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert main(["data", "check", "own"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no faults; 2 images checked for 1 tasks"
