import json
import os
from pathlib import Path

import cv2
import pytest
from PIL import Image

from mtzoo.cli import main as cli
from mtzoo.cli.predict import labels_option
from tests.cli.predict_helpers import ClassifyingModel, FakeModel, run, use_fake_model, write_image


@pytest.fixture(autouse=True)
def model(monkeypatch, tmp_path):
    return use_fake_model(monkeypatch, tmp_path)


def test_a_folder_gives_overlays_label_maps_and_results(model, tmp_path):
    write_image(tmp_path / "in" / "a.jpg")
    write_image(tmp_path / "in" / "a.png", hw=(50, 40))
    write_image(tmp_path / "in" / "drive" / "b.png")
    assert run(model, tmp_path / "in", out=tmp_path / "out") == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [i["overlay"] for i in results["images"]] == ["overlays/a.jpg", "overlays/a_2.jpg", "overlays/drive/b.jpg"]
    first, second, _ = results["images"]
    assert first["boxes"] == [{"task": "det_person", "class": "person", "score": 0.9, "xyxy": [25.0, 15.0, 50.0, 30.0]}]
    assert cv2.imread(str(tmp_path / "out" / second["overlay"])).shape == (50, 40, 3)
    labels = cv2.imread(str(tmp_path / "out" / first["label_maps"]["seg_default"]), cv2.IMREAD_UNCHANGED)
    assert (labels[:30] == 0).all()
    assert (labels[30:] == 1).all()


def test_answers_inside_the_input_folder_are_no_input_of_the_next_run(model, tmp_path):
    write_image(tmp_path / "in" / "a.jpg")
    for _ in range(2):
        assert run(model, tmp_path / "in", out=tmp_path / "in" / "out") == 0
    assert len(json.loads((tmp_path / "in" / "out" / "results.json").read_text())["images"]) == 1


def test_answers_may_stand_above_the_input_folder_but_not_in_its_place(model, tmp_path, capsys):
    image = write_image(tmp_path / "drive" / "in" / "a.jpg")
    assert run(model, image.parent, out=tmp_path / "drive") == 0
    assert len(json.loads((tmp_path / "drive" / "results.json").read_text())["images"]) == 1
    capsys.readouterr()
    assert run(model, image.parent, out=image.parent) == 2
    assert capsys.readouterr().err == (f"error: --out {image.parent}: is the folder of the images; choose another one, e.g. "
                                       f"{image.parent / 'seen'}\n")
    assert os.listdir(image.parent) == ["a.jpg"]


def test_unreadable_files_are_named_and_the_others_done(model, tmp_path, capsys):
    write_image(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (tmp_path / "in" / "clip.mp4").write_bytes(b"no video")
    assert run(model, tmp_path / "in", out=tmp_path / "out") == 2
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(results["images"]) == 1
    assert [u["file"] for u in results["unreadable"]] == [str(tmp_path / "in" / n) for n in ("broken.jpg", "clip.mp4")]
    err = capsys.readouterr().err
    assert f"error: {tmp_path / 'in' / 'broken.jpg'}: " in err
    assert "Traceback" not in err


def test_a_photo_is_turned_upright_and_so_are_the_answers(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 60)).save(tmp_path / "a.jpg", exif=exif)
    assert run(model, tmp_path / "a.jpg", out=tmp_path / "out") == 0
    (image,) = json.loads((tmp_path / "out" / "results.json").read_text())["images"]
    assert (image["height"], image["width"]) == (100, 60)
    assert cv2.imread(str(tmp_path / "out" / image["overlay"])).shape == (100, 60, 3)


@pytest.mark.parametrize(("make", "message"), [
    (lambda d: d / "missing.jpg", "no such file or folder"),
    (lambda d: (d / "empty").mkdir() or d / "empty", "no image or video in it"),
    (lambda d: (d / "notes.txt").write_text("x") and d / "notes.txt", "neither an image nor a video"),
    (lambda d: (d / "scans").mkdir() or (d / "scans" / "a.tif").write_text("x") and d / "scans",
     "left out: 1 .tif file (a.tif): no image"),
    (lambda d: os.mkfifo(d / "x.jpg") or d / "x.jpg", "x.jpg: not an image or video file but a pipe"),
    (lambda d: Path("/dev/zero"), "/dev/zero: not an image or video file but a device"),
    (lambda d: d / ("x" * 5000 + ".jpg"), "no such file or folder (File name too long); check the path"),
    (lambda d: d / "nul\0.jpg", "nul\\x00.jpg: no such file or folder"),
])
def test_inputs_that_cannot_be_meant_are_refused_at_once(model, tmp_path, capsys, make, message):
    assert run(model, make(tmp_path), out=tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_a_folder_holds_besides_is_told_in_one_line(model, tmp_path, capsys):
    write_image(tmp_path / "in" / "a.jpg")
    for name in ("b.tif", "drive/c.TIF", "labels.json", "README"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text("x")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "in" / "linked").symlink_to(tmp_path)
    assert run(model, tmp_path / "in", out=tmp_path / "in" / "out") == 0
    assert capsys.readouterr().err == (
        f"note: {tmp_path / 'in'}: left out: 1 .json file (labels.json), 2 .tif files (b.tif, ...), 1 file without an ending (README), "
        "1 link to a folder (linked), 1 link to nothing (gone.png), 1 pipe (pipe.png)\n")
    assert run(model, tmp_path / "in", out=tmp_path / "in" / "out") == 0
    assert "results.json" not in capsys.readouterr().err, "answers are neither taken nor told"


def test_a_thin_image_is_skipped_and_the_others_are_done(model, tmp_path, capsys):
    for number, hw in enumerate([(60, 100), (1, 39000), (39000, 1), (1, 2000), (2000, 3), (60, 100)]):
        write_image(tmp_path / "in" / f"{number}.png", hw)
    assert run(model, tmp_path / "in", out=tmp_path / "out") == 2
    out, err = capsys.readouterr()
    assert "2 of 6 files done" in out
    lines = err.splitlines()
    assert [line.startswith(f"error: {tmp_path / 'in' / str(n)}.png: ") for n, line in enumerate(lines, 1)] == [True] * 4
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (len(results["images"]), len(results["unreadable"])) == (2, 4)


@pytest.mark.parametrize("name", ["[/b]x", "car [big]", ":car:", "\x1b[31mred"])
def test_names_of_files_are_printed_as_they_are(model, tmp_path, capsys, name):
    write_image(tmp_path / name / "a.jpg")
    (tmp_path / name / "b.jpg").write_text("no image")
    assert run(model, tmp_path / name, out=tmp_path / f"{name} out") == 2
    out, err = capsys.readouterr()
    shown = name.replace("\x1b", "\\x1b")
    assert f"1 of 2 files done: {tmp_path / shown} out\n" in out
    assert f"error: {tmp_path / shown}/b.jpg: no JPEG" in err


@pytest.mark.parametrize("task", ["../../evil", "/etc", "a/b", "..", ".", "", "nul\0"])
def test_a_model_whose_task_names_another_folder_is_refused(model, tmp_path, capsys, monkeypatch, task):
    monkeypatch.setattr(FakeModel, "classes", {task: ("sky", "road")})
    write_image(tmp_path / "a.png")
    assert run(model, tmp_path / "a.png", out=tmp_path / "x" / "out") == 2
    assert "no name of a folder" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.rglob("*") if p.suffix) == ["a.png", "model.onnx"]


def test_an_unknown_model_is_told(tmp_path, capsys):
    image = write_image(tmp_path / "a.jpg")
    assert run("no_such_model", image, out=tmp_path / "out") == 2
    assert "model 'no_such_model': no such file" in capsys.readouterr().err


def test_an_out_folder_that_cannot_be_written_is_told(model, tmp_path, capsys):
    image = write_image(tmp_path / "a.jpg")
    (tmp_path / "out").write_text("")
    assert run(model, image, out=tmp_path / "out") == 2
    assert "out: is a file; choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value", "said"), [
    ("--min-score", "2", "'2' is not a score from 0 to 1"), ("--threads", "0", "--threads 0: must be at least 1"),
])
def test_figures_out_of_range_are_usage_errors(model, tmp_path, option, value, said, capsys):
    assert cli.main(["predict", str(model), "a.jpg", "--out", str(tmp_path), option, value]) == 2
    assert said in capsys.readouterr().err


def test_classes_of_images_are_in_the_results(model, tmp_path, monkeypatch):
    use_fake_model(monkeypatch, tmp_path, ClassifyingModel(alone=True))
    image = write_image(tmp_path / "a.png")
    assert run(model, image, out=tmp_path / "seen") == 0
    (found,) = json.loads((tmp_path / "seen" / "results.json").read_text())["images"]
    assert found["image_labels"] == {"cls_time": {"class": "night", "score": 0.75}}
    assert (found["boxes"], found["label_maps"]) == ([], {})


def test_the_next_command_chooses_one_of_several_folders_of_masks(tmp_path):
    (tmp_path / "masks_seg").mkdir()
    assert labels_option(tmp_path) == ""
    (tmp_path / "masks_lane").mkdir()
    assert labels_option(tmp_path) == " --labels masks_lane"


def test_nothing_of_the_users_is_overwritten(model, tmp_path, capsys):
    write_image(tmp_path / "in" / "a.jpg")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "results.json").write_text("[1, 2]")
    assert run(model, tmp_path / "in", out=tmp_path / "mine") == 2
    assert "mine: holds results.json of something else than `mtzoo predict`; choose another --out" in capsys.readouterr().err
    assert (tmp_path / "mine" / "results.json").read_text() == "[1, 2]"


def test_labels_that_may_have_been_corrected_are_kept(model, tmp_path, capsys):
    write_image(tmp_path / "in" / "a.jpg")
    label = tmp_path / "out" / "dataset" / "labels" / "a.txt"
    assert run(model, tmp_path / "in", "--save-labels", "yolo", out=tmp_path / "out") == 0
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    assert run(model, tmp_path / "in", "--save-labels", "yolo", out=tmp_path / "out") == 2
    assert "dataset holds labels of an earlier run, which may have been corrected by hand" in capsys.readouterr().err
    assert label.read_text() == "0 0.5 0.5 0.1 0.1\n"
    label.unlink()
    (tmp_path / "out" / "dataset" / "data.yaml").unlink()
    assert run(model, tmp_path / "in", "--save-labels", "yolo", out=tmp_path / "out") == 0


def test_scores_without_boxes_are_told_to_change_nothing(monkeypatch, tmp_path, capsys):
    model = use_fake_model(monkeypatch, tmp_path, ClassifyingModel(alone=True))
    write_image(tmp_path / "a.jpg")
    assert run(model, tmp_path / "a.jpg", "--min-score", "0.5", out=tmp_path / "out") == 0
    assert capsys.readouterr().err.count(f"--min-score: changes nothing; {Path(model).name} finds no boxes\n") == 1
    assert run(model, tmp_path / "a.jpg", out=tmp_path / "plain") == 0
    assert "--min-score" not in capsys.readouterr().err


def test_a_class_without_boxes_has_no_score(model, tmp_path, capsys):
    write_image(tmp_path / "a.jpg")
    assert run(model, tmp_path / "a.jpg", "--min-score", "road=0.5", out=tmp_path / "out") == 2
    assert "--min-score road=0.5: the model finds no boxes of the class 'road'" in capsys.readouterr().err
