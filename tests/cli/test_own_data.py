import json
import shutil

import cv2
import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.locate import find_checkpoint
from tests.data.convert.helpers import write_text
from tests.tiny import write_images

SHORT = ["--from-scratch", "--cfg-options", "solver.0.float_phase.iterations=1", "solver.0.float_phase.epochs=None",
         "solver.0.float_phase.batch_size=2", "nodes.backbone.blocks=[1,1,2,1]", "nodes.backbone.width=0.25", "env.workers=0"]


@pytest.fixture
def yolo(tmp_path):
    """Six images with a YOLO box each, beside them."""
    coco = json.loads((write_images(tmp_path / "made") / "boxes.json").read_text())
    for image, box in zip(coco["images"], coco["annotations"]):
        x, y, w, h = box["bbox"]
        picture = cv2.imread(str(tmp_path / "made" / "images" / image["file_name"]))
        (tmp_path / "mine").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "mine" / image["file_name"]), picture)
        row = f"{box['category_id'] - 1} {(x + w / 2) / 96} {(y + h / 2) / 64} {w / 96} {h / 64}"
        write_text(tmp_path / "mine" / f"{image['id']}.txt", row)
    write_text(tmp_path / "mine" / "classes.txt", "blue", "yellow")
    return tmp_path / "mine"


@pytest.mark.slow
def test_a_folder_trains_without_a_config_and_again_with_the_one_that_was_written(yolo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", str(yolo), *SHORT]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("recognised: YOLO boxes: 6 text files in .")
    assert "config: work_dirs/mine/config.py; edit it as you like" in told.out
    assert (tmp_path / "work_dirs" / "mine" / "run" / "with-bn-float-last.pt").is_file()
    config = tmp_path / "work_dirs" / "mine" / "config.py"
    config.write_text(config.read_text() + "\n# mine\n")
    assert main(["train", "--data", str(yolo), *SHORT]) == 2
    told = capsys.readouterr().err
    assert "note: work_dirs/mine/data is there already, from an earlier run, and is trained on as it is" in told
    assert "note: work_dirs/mine/config.py is there already, and is trained with as it is" in told
    assert "work_dirs/mine/run: holds a run of this config; continue with --resume" in told
    assert config.read_text().endswith("# mine\n")


@pytest.mark.slow
def test_a_training_starts_from_the_network_and_weights_of_the_zoo_and_freezes_its_backbone(yolo, tmp_path, monkeypatch, capsys):
    """By default, with --data, and again with the config that was written: its head alone is new."""
    monkeypatch.chdir(tmp_path)
    short = ["--freeze", "backbone", "--iters", "2", "--batch-size", "2", "--workers", "0"]
    start = load_checkpoint(find_checkpoint("zoo:dashcam_resize_mobilenetv2")).network
    for command, run in ((["--data", str(yolo)], "work_dirs/mine/run"), (["--config", "work_dirs/mine/config.py", "--out", "b"], "b")):
        assert main(["train", *command, *short]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert ("network and weights: zoo:dashcam_resize_mobilenetv2 (research use only" in told) == ("--data" in command)
        assert "zoo/dashcam_resize_mobilenetv2.safetensors: " in told
        begun, done = (load_checkpoint(tmp_path / run / f"with-bn-float-{tag}.pt").network for tag in ("init", "last"))
        assert {name.split(".")[1] for name in done} == {"backbone", "neck", "det_tower", "det_head"}
        assert all(torch.equal(begun[name], start[name]) for name in begun if ".det_head." not in name)
        moved = {name.split(".")[1] for name in done if not torch.equal(begun[name], done[name])}
        assert moved == {"neck", "det_tower", "det_head"}


def test_a_checkpoint_chooses_the_network(yolo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mtzoo.cli.train.train_config", lambda args: 0)
    assert main(["train", "--data", str(yolo), "--checkpoint", "zoo:scenes_resize"]) == 0
    assert "network and weights: zoo:scenes_resize\n" in capsys.readouterr().out
    config = (tmp_path / "work_dirs/mine/config.py").read_text()
    assert 'load_from = "zoo:scenes_resize"' in config
    assert 'backbone=dict(type="VarGNetV2", width=0.5, group_base=8)' in config
    assert main(["train", "--data", str(yolo), "--checkpoint", "zoo:deeplabv3p_mobilenetv2_camvid", "--out", "other"]) == 2
    assert "zoo:deeplabv3p_mobilenetv2_camvid: its network has no detection task, and no node 'neck'" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "expected --config FILE or --data DIR"),
    (["--config", "4pe_resize/multitask", "--data", "."], "--config and --data: a config is written for --data"),
    (["--config", "4pe_resize/multitask", "--ignore", "car"], "--ignore: belongs to --data"),
    (["--data", "nowhere"], "nowhere: no such folder"),
])
def test_bad_arguments(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work_dirs").exists()


def test_options_that_nothing_reads_are_told(yolo, tmp_path, capsys):
    assert main(["data", "convert", "--data", str(yolo), "--out", str(tmp_path / "out")]) == 0
    assert f"train on it: mtzoo train --data {tmp_path / 'out'}" in capsys.readouterr().out
    assert main(["train", "--data", str(tmp_path / "out"), "--rename", "blue=red", "--out", str(tmp_path / "work")]) == 2
    assert "--rename: " in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_the_yaml_of_a_set_stands_for_its_folder(yolo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_text(yolo / "data.yaml", "train: .", "names: [blue, yellow]")
    assert main(["data", "convert", "--data", "mine/data.yaml", "--out", "converted"]) == 0
    assert "recognised: YOLO boxes" in capsys.readouterr().out
    monkeypatch.setattr("mtzoo.cli.train.train_config", lambda args: 0)
    assert main(["train", "--data", "mine/data.yaml", "--epochs", "1"]) == 0
    assert main(["train", "--data", "mine/data.yaml", "--epochs", "1", "--resume"]) == 0
    assert main(["train", "--data", "mine", "--epochs", "1", "--resume"]) == 0
    assert (tmp_path / "work_dirs" / "mine" / "config.py").is_file()


@pytest.mark.parametrize("converted", [False, True])
def test_another_data_set_of_the_same_name_is_refused(converted, yolo, tmp_path, monkeypatch, capsys):
    """The first one's data and config would be trained with, whatever the second one holds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mtzoo.cli.train.train_config", lambda args: 0)
    for place in ("one", "other"):
        if converted:
            assert main(["data", "convert", "--data", str(yolo), "--out", f"{place}/mine"]) == 0
        else:
            shutil.copytree(yolo, tmp_path / place / "mine")
    assert main(["train", "--data", "one/mine"]) == 0
    config = (tmp_path / "work_dirs/mine/config.py").read_text()
    assert main(["train", "--data", str(tmp_path / "one/mine"), "--resume"]) == 0
    capsys.readouterr()
    assert main(["train", "--data", "other/mine"]) == 2
    told = capsys.readouterr().err
    assert f"--data other/mine: work_dirs/mine is for another data set, {tmp_path / 'one/mine'}; choose another --out" in told
    assert (tmp_path / "work_dirs/mine/config.py").read_text() == config
    assert main(["train", "--data", "other/mine", "--out", "second"]) == 0


def test_a_folder_of_data_without_its_option_is_told(yolo, capsys):
    assert main(["train", str(yolo)]) == 2
    assert f"is a folder; name a .py file in it, or train on a folder of data with --data {yolo}" in capsys.readouterr().err


def test_two_descriptions_in_one_folder_are_two_data_sets(yolo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mtzoo.cli.train.train_config", lambda args: 0)
    write_text(yolo / "colours.yaml", "train: .", "names: [blue, yellow]")
    write_text(yolo / "shapes.yaml", "train: .", "names: [round, square]")
    for name, classes in (("colours", ["blue", "yellow"]), ("shapes", ["round", "square"])):
        assert main(["train", "--data", f"mine/{name}.yaml"]) == 0
        work = tmp_path / "work_dirs" / f"mine-{name}"
        assert json.loads((work / "data" / "convert.json").read_text())["categories"] == classes
        assert (work / "source.txt").read_text().strip() == str(yolo / f"{name}.yaml")
        assert "is there already" not in capsys.readouterr().err
    assert main(["train", "--data", "mine/shapes.yaml", "--out", "work_dirs/mine-colours"]) == 2
    assert f"is for another data set, {yolo / 'colours.yaml'}; choose another --out" in capsys.readouterr().err
    assert main(["train", "--data", "mine"]) == 2
    assert "2 YAML files (colours.yaml, shapes.yaml); name one" in capsys.readouterr().err
