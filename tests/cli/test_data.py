import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mtzoo.cli.data_synth import parse_size
from mtzoo.cli.main import main
from mtzoo.data.sources import CocoBoxes, MaskFolder
from mtzoo.errors import UserError


def task_of(name, kind, classes, source):
    """A task of a config, as far as its data are concerned, trained and judged on one source."""
    return SimpleNamespace(name=name, kind=kind, classes=classes, train_sources=(source,), val_sources=(source,), oversample_thr=None)



def test_size_is_height_by_width():
    assert parse_size("720x1280") == (720, 1280)
    for text in ("720", "x5", "0x5", "axb", "-1x5"):
        with pytest.raises(UserError, match="height x width"):
            parse_size(text)


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine.txt").touch()
    assert main(["data", "synth", "--out", str(tmp_path), "--num-images", "1", "--seed", "0"]) == 2
    assert "not empty" in capsys.readouterr().err


def test_bad_counts(tmp_path, capsys):
    assert main(["data", "synth", "--out", str(tmp_path / "new"), "--num-images", "0", "--seed", "0"]) == 2
    assert "--num-images 0" in capsys.readouterr().err


def test_check_lists_faults_of_train_and_val_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}], "categories": [{"id": 1, "name": "car"}],
               "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 0, 4]}]}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    source = CocoBoxes(str(tmp_path / "images"), str(tmp_path / "boxes.json"), "own")
    task = task_of("det", "detection", ("car",), source)
    monkeypatch.setattr("mtzoo.cli.data_check.config_from_arguments",
                        lambda *_: SimpleNamespace(tasks=(task,), classes={"det": ("car",)}))
    assert main(["data", "check", "own"]) == 2
    lines = capsys.readouterr().out.splitlines()
    folders, (fault, summary) = lines[:2], lines[2:4]
    assert folders == [f"{split} images {tmp_path}/images, labels {tmp_path}/boxes.json" for split in ("train", "val")]
    assert fault == f"{tmp_path}/boxes.json: annotations[0] id=5: bbox [1, 1, 0, 4] has no area; fix or drop the annotation"
    assert summary == "1 fault; 2 images checked for 1 task"

    content["annotations"] = []
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert main(["data", "check", "own"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2] == "no faults; 2 images checked for 1 task"
    assert [line.split("│")[1:8] for line in told if "car" in line and "│" in line] == 2 * [
        [" det ", " car   ", "               1 ", "       0 ", "       0 ", "       0 ", "     "]]
    assert [line for line in told if line.startswith("warning")] == [
        "warning: train: task 'det': not one object of 'car'", "warning: val: task 'det': not one object of 'car'",
        f"warning: task 'det': 1 of the 1 image of val are images of train, too, e.g. {tmp_path}/images/a.png: validation on them "
        "flatters; give val images of its own"]


def test_check_ends_with_a_table_and_warns_of_masks_of_0_and_255(tmp_path, monkeypatch, capsys):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    mask = np.zeros((8, 8), np.uint8)
    mask[:, :2] = 255
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)

    def check(label_map: dict[int, int] | None) -> list[str]:
        source = MaskFolder(str(tmp_path / "images"), str(tmp_path / "masks"), "own", label_map=label_map)
        task = task_of("seg", "segmentation", ("bg", "fg"), source)
        config = SimpleNamespace(tasks=(task,), classes={"seg": ("bg", "fg")})
        monkeypatch.setattr("mtzoo.cli.data_check.config_from_arguments", lambda *_: config)
        assert main(["data", "check", "own"]) == 0
        return capsys.readouterr().out.splitlines()

    assert check(None)[-3:-1] == [
        f"warning: {split}: task 'seg': not one pixel of 'fg'; 25.0 % of the pixels are ignored (mask value 255): if 255 is 'fg', "
        "set label_map={0: 0, 255: 1} in the source" for split in ("train", "val")]
    cv2.imwrite(str(tmp_path / "images" / "b.png"), np.zeros((8, 8, 3), np.uint8))
    told = check({0: 0, 255: 1})
    assert told.count("source 'own': 1 without a mask, e.g. 'b.png': not labelled, and not read for this source") == 1
    assert [line.partition(": ")[2][:29] for line in told if line.startswith("warning")] == ["task 'seg': 1 of the 1 image o"[:29]]
    assert [line.split("│")[2:5] for line in told if "fg" in line] == 2 * [[" fg    ", "      1 ", " 25.00 % "]]


def test_a_folder_of_images_that_is_not_there_is_a_fault_like_others(tmp_path, monkeypatch, capsys):
    (tmp_path / "masks").mkdir()
    source = MaskFolder(str(tmp_path / "images"), str(tmp_path / "masks"), "own")
    task = task_of("seg", "segmentation", ("bg", "fg"), source)
    monkeypatch.setattr("mtzoo.cli.data_check.config_from_arguments",
                        lambda *_: SimpleNamespace(tasks=(task,), classes={"seg": ("bg", "fg")}))
    assert main(["data", "check", "own"]) == 2
    assert "1 fault; 0 images checked" in capsys.readouterr().out
