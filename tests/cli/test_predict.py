import json

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.cli import main as cli
from mtzoo.cli import predict
from mtzoo.structures import Detections, Prediction


class FakeModel:
    """Sees one strong and one weak person, and a road below the middle."""

    classes = {"det_person": ("person",), "seg_default": ("sky", "road")}

    def window(self, original_hw):
        return None

    def predict(self, image):
        h, w = image.shape[:2]
        boxes = np.array([[w / 4, h / 4, w / 2, h / 2], [0, 0, 5, 5]], np.float32)
        labels = np.zeros((h, w), np.uint8)
        labels[h // 2:] = 1
        return Prediction({"det_person": Detections(boxes, np.array([0.9, 0.1], np.float32), np.zeros(2, np.int64))},
                          {"seg_default": labels})


@pytest.fixture(autouse=True)
def model(monkeypatch, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    monkeypatch.setattr(predict, "load_models", lambda paths, window, executor, threads: FakeModel())
    return path


def write_image(path, hw=(60, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*hw, 3), 90, np.uint8))
    return path


def run(model, *inputs, out):
    return cli.main(["predict", str(model), *map(str, inputs), "--out", str(out)])


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


def test_a_video_gives_a_video_of_the_same_size_and_length(model, tmp_path):
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for value in (0, 80, 160):
        writer.write(np.full((64, 96, 3), value, np.uint8))
    writer.release()
    assert run(model, clip, out=tmp_path / "out") == 0
    video = json.loads((tmp_path / "out" / "results.json").read_text())["videos"][0]
    assert (video["fps"], video["height"], video["width"]) == (10, 64, 96)
    assert [len(frame["boxes"]) for frame in video["frames"]] == [1, 1, 1]
    capture = cv2.VideoCapture(str(tmp_path / "out" / video["overlay"]))
    frames = 0
    while capture.read()[0]:
        frames += 1
    assert frames == 3


@pytest.mark.parametrize(("make", "message"), [
    (lambda d: d / "missing.jpg", "no such file or folder"),
    (lambda d: (d / "empty").mkdir() or d / "empty", "no image or video in it"),
    (lambda d: (d / "notes.txt").write_text("x") and d / "notes.txt", "neither an image nor a video"),
])
def test_inputs_that_cannot_be_meant_are_refused_at_once(model, tmp_path, capsys, make, message):
    assert run(model, make(tmp_path), out=tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_told(tmp_path, capsys):
    image = write_image(tmp_path / "a.jpg")
    assert run("no_such_model", image, out=tmp_path / "out") == 2
    assert "model 'no_such_model': no such file" in capsys.readouterr().err


def test_an_out_folder_that_cannot_be_written_is_told(model, tmp_path, capsys):
    image = write_image(tmp_path / "a.jpg")
    (tmp_path / "out").write_text("")
    assert run(model, image, out=tmp_path / "out") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [["--min-score", "2"], ["--min-score", "nan"], ["--threads", "0"]])
def test_figures_out_of_range_are_usage_errors(model, tmp_path, extra, capsys):
    assert cli.main(["predict", str(model), "a.jpg", "--out", str(tmp_path), *extra]) == 2
