"""Images -> predicted labels -> `mtzoo data convert` -> a config that trains: the loop of labelling by machine."""

import json

import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.config import load_config
from mtzoo.config.own_data import config_text
from mtzoo.data.check import check_sources
from mtzoo.data.images import read_mask
from mtzoo.engine.evaluate import task_data
from tests.cli.predict_helpers import ClassifyingModel, use_fake_model, write_image


@pytest.fixture
def predicted(tmp_path, monkeypatch, capsys):
    """Runs `predict --save-labels` on three images of 60x100 and gives the data set's folder."""
    model = use_fake_model(monkeypatch, tmp_path)
    for name in ("a", "day/b", "day/c"):
        write_image(tmp_path / "drive" / f"{name}.png")

    def run(*arguments: str):
        assert main(["predict", str(model), str(tmp_path / "drive"), "--out", str(tmp_path / "seen it"), *arguments]) == 0
        return tmp_path / "seen it" / "dataset"

    return run


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "cvat", "labelme"])
def test_boxes_come_back_as_they_were(form, predicted, tmp_path, capsys):
    folder = predicted("--save-labels", form)
    told = capsys.readouterr().out
    assert f"labels of 3 images: {folder}; correct them, then: mtzoo data convert --data '{folder}' --out DIR" in told
    assert main(["data", "convert", "--data", str(folder), "--out", str(tmp_path / "out"), "--classes", "own"]) == 0
    found = [json.loads((tmp_path / "out" / split / "boxes.json").read_text()) for split in ("train", "val")]
    boxes = [annotation["bbox"] for content in found for annotation in content["annotations"]]
    assert np.allclose(boxes, [[25, 15, 25, 15]] * 3, atol=0.01)
    assert [c["name"] for c in found[0]["categories"]] == ["person"]
    path = tmp_path / "config.py"
    path.write_text(config_text(tmp_path / "out"))
    config = load_config(path)
    assert config.tasks[0].classes == ("person",)
    assert [check_sources(task_data(config, split)).faults for split in ("train", "val")] == [[], []]


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "cvat", "labelme"])
def test_a_set_in_which_no_box_was_found_is_recognised(form, predicted, tmp_path, capsys):
    folder = predicted("--save-labels", form, "--min-score", "1")
    assert main(["data", "convert", "--data", str(folder), "--out", str(tmp_path / "out"), "--classes", "own"]) == 2
    assert f"error: {folder}: nothing to convert: 3 images, not one label in them\n" in capsys.readouterr().err


def test_label_maps_come_back_as_they_were(predicted, tmp_path):
    folder = predicted("--save-labels", "masks")
    assert main(["data", "convert", "--data", str(folder), "--out", str(tmp_path / "out"), "--classes", "own"]) == 0
    receipt = json.loads((tmp_path / "out" / "convert.json").read_text())
    assert receipt["mask_classes"] == {"seg": ["sky", "road"]}
    (mask,) = (tmp_path / "out").rglob("seg/**/b.png")
    assert read_mask(mask)[[29, 30], 0].tolist() == [0, 1]


@pytest.mark.parametrize("form", ["coco", "voc", "masks", "csv"])
def test_classes_of_whole_images_come_back_beside_every_format(form, tmp_path, monkeypatch, capsys):
    model = use_fake_model(monkeypatch, tmp_path, ClassifyingModel())
    for name in ("a", "day, late/b"):
        write_image(tmp_path / "drive" / f"{name}.png")
    arguments = ["predict", str(model), str(tmp_path / "drive"), "--out", str(tmp_path / "seen it")]
    assert main([*arguments, "--save-labels", form]) == 0
    folder = tmp_path / "seen it" / "dataset"
    table = folder / "image_labels.csv"
    told = f"classes of the images: {table}, which `mtzoo data convert` reads, too; {form} has no place for them"
    assert (told in capsys.readouterr().out) == (form != "csv")
    assert table.read_text() == 'image,task,class,score\na.png,cls_time,night,0.7500\n"day, late/b.png",cls_time,night,0.7500\n'
    table.write_text(table.read_text().replace("a.png,cls_time,night", "a.png,cls_time,day"))
    assert main(["data", "convert", "--data", str(folder), "--out", str(tmp_path / "out"), "--classes", "own"]) == 0
    told = [(tmp_path / "out" / split / "cls_time.tsv").read_text().split("\t")[-1].strip() for split in ("train", "val")]
    assert told == ["day", "night"]
    path = tmp_path / "config.py"
    path.write_text(config_text(tmp_path / "out"))
    config = load_config(path)
    kinds = {"csv": ["classification"], "masks": ["segmentation", "classification"]}
    assert [task.kind for task in config.tasks] == kinds.get(form, ["detection", "classification"])
    assert [check_sources(task_data(config, split)).faults for split in ("train", "val")] == [[], []]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("form", "file", "change"), [
    ("cvat", "annotations.xml", ('<tag label="cls_time:night"', '<tag label="cls_time:day"')),
    ("labelme", "labels/a.json", ('day": false,\n  "cls_time:night": true', 'day": true,\n  "cls_time:night": false')),
])
def test_classes_of_whole_images_stand_in_files_that_have_a_place(form, file, change, alone, tmp_path, monkeypatch, capsys):
    model = use_fake_model(monkeypatch, tmp_path, ClassifyingModel(alone))
    for name in ("a", "day/b"):
        write_image(tmp_path / "drive" / f"{name}.png")
    arguments = ["predict", str(model), str(tmp_path / "drive"), "--out", str(tmp_path / "seen it")]
    assert main([*arguments, "--save-labels", form]) == 0
    folder = tmp_path / "seen it" / "dataset"
    assert not (folder / "image_labels.csv").exists()
    assert "classes of the images" not in capsys.readouterr().out
    written = (folder / file).read_text()
    assert change[0] in written
    (folder / file).write_text(written.replace(*change, 1))
    assert main(["data", "convert", "--data", str(folder), "--out", str(tmp_path / "out"), "--classes", "own"]) == 0
    told = [(tmp_path / "out" / split / "cls_time.tsv").read_text().split("\t")[-1].strip() for split in ("train", "val")]
    assert told == ["day", "night"]
    assert (tmp_path / "out" / "train" / "boxes.json").exists() != alone


@pytest.mark.parametrize(("alone", "form", "message"), [
    (True, "yolo", "--save-labels yolo: the model has no box; take --save-labels csv"),
    (True, "masks", "--save-labels masks: the model has no label map; take --save-labels csv"),
    (None, "csv", "--save-labels csv: the model has no class of the whole image; take --save-labels coco"),
])
def test_a_format_that_has_no_place_for_any_answer_is_refused(alone, form, message, tmp_path, monkeypatch, capsys):
    model = use_fake_model(monkeypatch, tmp_path, alone and ClassifyingModel(alone=True))
    image = write_image(tmp_path / "a.png")
    assert main(["predict", str(model), str(image), "--out", str(tmp_path / "seen it"), "--save-labels", form]) == 2
    assert message in capsys.readouterr().err


def test_scores_by_class(predicted, tmp_path, capsys):
    predicted("--save-labels", "coco", "--min-score", "0.5,person=0.05")
    results = json.loads((tmp_path / "seen it" / "results.json").read_text())
    assert [len(image["boxes"]) for image in results["images"]] == [2, 2, 2]
    assert results["min_score"] == {"": 0.5, "person": 0.05}


@pytest.mark.parametrize(("score", "message"), [
    ("0.3,persn=0.5", "the model finds no boxes of the class 'persn'; did you mean 'person'?"),
    ("person=2", "'2' is not a score from 0 to 1")])
def test_bad_scores(score, message, tmp_path, monkeypatch, capsys):
    model = use_fake_model(monkeypatch, tmp_path)
    image = write_image(tmp_path / "a.png")
    assert main(["predict", str(model), str(image), "--out", str(tmp_path / "seen it"), "--min-score", score]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_predicted_trains(predicted, tmp_path):
    folder = predicted("--save-labels", "yolo")
    short = ["solver.0.float_phase.iterations=1", "solver.0.float_phase.epochs=None", "solver.0.float_phase.batch_size=2",
             "nodes.backbone.blocks=[1,1,2,1]", "nodes.backbone.width=0.25", "env.workers=0"]
    assert main(["train", "--data", str(folder), "--out", str(tmp_path / "work"), "--from-scratch", "--cfg-options", *short]) == 0
    assert (tmp_path / "work" / "run" / "with-bn-float-last.pt").is_file()
