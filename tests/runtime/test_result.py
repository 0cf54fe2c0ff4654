"""What `DeployModel.predict` gives: typed results of arrays, files, folders, videos and cameras."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import cv2
import numpy as np
import pytest

from mtzoo.errors import UserError
from mtzoo.runtime import sources as sources_module
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.result import Box, Result

HW = (72, 96)


@pytest.fixture(scope="module")
def model(model_path):
    return DeployModel(model_path, "onnxruntime", 1)


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (*HW, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo):
    """a.png, below/b.png, c.txt and a damaged d.png."""
    root = tmp_path_factory.mktemp("photos")
    (root / "below").mkdir()
    cv2.imwrite(str(root / "a.png"), photo)
    cv2.imwrite(str(root / "below" / "b.png"), photo[:, ::-1])
    (root / "c.txt").write_text("no image")
    (root / "d.png").write_bytes(b"no image")
    return root


def test_an_image_and_its_file_give_the_same(model, photo, folder):
    result, of_file = model.predict(photo), model.predict(folder / "a.png")
    assert isinstance(result, Result)
    assert result.path is None
    assert of_file.path == folder / "a.png"
    assert result.boxes == of_file.boxes != []
    np.testing.assert_array_equal(result.labels["seg"], of_file.labels["seg"])
    assert result.labels["seg"].shape == HW


def test_boxes_are_in_pixels_of_the_image_with_names(model, photo):
    result = model.predict(photo)
    first, best = result.boxes[0], result.detections["det"]
    assert first == Box("det", model.classes["det"][best.labels[0]], pytest.approx(float(best.scores[0])), tuple(best.boxes[0]))
    assert [box.score for box in result.boxes] == sorted((box.score for box in result.boxes), reverse=True)
    assert all(0 <= box.xyxy[0] < box.xyxy[2] <= HW[1] and 0 <= box.xyxy[1] < box.xyxy[3] <= HW[0] for box in result.boxes)


def test_a_picture_leaves_the_image_as_it_is(model, photo, tmp_path):
    before, result = photo.copy(), model.predict(photo)
    picture = result.plot(min_score=0.0)
    assert picture.shape == photo.shape
    assert (picture != photo).any()
    np.testing.assert_array_equal(photo, before)
    np.testing.assert_array_equal(cv2.imread(str(result.save(tmp_path / "seen.png", min_score=0.0))), picture)
    with pytest.raises(UserError, match="seen.txt: expected an image file, e.g. .*seen.jpg"):
        result.save(tmp_path / "seen.txt")


@pytest.mark.parametrize(("name", "hw"), [("grey.pgm", (4, 6)), ("wide.jpg", (1, 65_501)), ("wide.webp", (1, 16_384))])
def test_a_format_that_cannot_hold_the_picture_is_told(name, hw, tmp_path):
    result = Result(image=np.zeros((*hw, 3), np.uint8), classes={})
    with pytest.raises(UserError, match=rf"{name}: this format cannot hold a colour picture of {hw[1]}x{hw[0]}; use .*\.png"):
        result.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert cv2.imread(str(result.save(tmp_path / "seen.png"))).shape == (*hw, 3)


def test_coco_has_every_box_and_is_plain_data(model, folder):
    result = model.predict(str(folder / "a.png"))
    coco = json.loads(json.dumps(result.to_coco()))
    assert coco["images"] == [{"id": 1, "file_name": "a.png", "height": HW[0], "width": HW[1]}]
    assert [category["name"] for category in coco["categories"]] == ["blue", "yellow"]
    assert len(coco["annotations"]) == len(result.boxes)
    x, y, width, height = coco["annotations"][0]["bbox"]
    assert (x, y, x + width, y + height) == pytest.approx(result.boxes[0].xyxy, abs=0.02)
    least = result.boxes[0].score
    assert len(result.to_coco(min_score=least)["annotations"]) == sum(box.score >= least for box in result.boxes)


def test_a_folder_gives_results_one_by_one_and_tells_what_it_leaves_out(model, folder, capsys):
    found = [result.path.relative_to(folder).as_posix() for result in model.predict(folder)]
    assert found == ["a.png", "below/b.png"]
    err = capsys.readouterr().err
    assert "left out: 1 .txt file (c.txt)" in err
    assert "d.png" in err


def test_a_list_of_images_gives_a_list(model, photo):
    results = model.predict([photo, photo[:, ::-1].copy()])
    assert [type(result) for result in results] == [Result, Result]


def test_a_list_may_hold_files_and_tells_their_paths(model, photo, folder):
    first, second = model.predict([folder / "a.png", photo])
    assert (first.path, second.path) == (folder / "a.png", None)
    assert first.boxes == second.boxes


@pytest.mark.parametrize(("name", "said"), [
    ("nope.png", "no such file"), ("below", "not an image file but a folder; name an image file"),
    ("clip.mp4", "no image by its ending; known: .bmp, .jpeg, .jpg, .png, .webp")])
def test_what_is_no_image_in_a_list_is_told(model, photo, folder, name, said):
    (folder / "clip.mp4").write_bytes(b"a video, by its ending")
    with pytest.raises(UserError, match=f"{name}: {said}"):
        model.predict([photo, str(folder / name)])
    (folder / "clip.mp4").unlink()


def test_a_result_and_a_model_tell_what_they_are_without_arrays(model, folder):
    result = model.predict(folder / "a.png")
    assert repr(result).startswith("<Result a.png 96x72: boxes with a score of at least 0.3: ")
    assert f"; {len(result.boxes)} boxes in all; label maps: seg>" in repr(result)
    assert "array" not in str(result)
    assert str(model).startswith("<DeployModel: ")
    assert all(f"{task} (" in str(model) for task in model.classes)


def write_video(path, images):
    """10 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, HW[::-1])
    for image in images:
        writer.write(image)
    writer.release()


def test_a_video_gives_its_frames_with_their_times(model, photo, tmp_path):
    write_video(tmp_path / "drive.avi", [photo] * 3)
    results = list(model.predict(tmp_path / "drive.avi"))
    assert [result.seconds for result in results] == pytest.approx([0.0, 0.1, 0.2])
    assert all(result.path == tmp_path / "drive.avi" for result in results)


class Camera:
    """Gives an image twice, then nothing."""

    released = False

    def __init__(self, number, image):
        self.number, self.left = number, [image, image]

    def isOpened(self):  # noqa: N802
        return self.number == 0

    def read(self):
        return (True, self.left.pop()) if self.left else (False, None)

    def release(self):
        Camera.released = True


def test_a_camera_gives_frames_until_it_ends(model, photo, monkeypatch):
    monkeypatch.setattr(sources_module.cv2, "VideoCapture", lambda number: Camera(number, photo))
    results = list(model.predict(0))
    assert len(results) == 2
    assert results[0].seconds == 0.0 <= results[1].seconds
    assert Camera.released
    with pytest.raises(UserError, match="camera 7: cannot be opened"):
        model.predict(7)
    for number in (-1, True):
        with pytest.raises(UserError, match=f"camera {number}: expected a number from 0 on"):
            model.predict(number)


def test_an_address_gives_the_frames_of_its_stream(model, photo, tmp_path):
    write_video(tmp_path / "drive.avi", [photo] * 3)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        results = list(model.predict(f"{address}/drive.avi"))
        with pytest.raises(UserError, match=rf"^{address}/gone\.jpg: no video can be read from there; check the address"):
            model.predict(f"{address}/gone.jpg")
    finally:
        server.shutdown()
        server.server_close()
    assert [result.path for result in results] == [None] * 3
    assert [result.image.shape for result in results] == [photo.shape] * 3
    assert results[0].seconds == 0.0 <= results[1].seconds


@pytest.mark.parametrize(("name", "said"), [("gone.jpg", "no such file"), ("c.txt", "neither an image nor a video"),
                                            ("d.png", "no JPEG, PNG, BMP or WebP image")])
def test_what_is_no_image_is_told_at_once(model, folder, name, said):
    with pytest.raises(UserError, match=said):
        model.predict(folder / name)


def test_a_zoo_name_stands_for_its_file(monkeypatch, model_path, tmp_path, photo):
    (tmp_path / "mine.onnx").write_bytes(model_path.read_bytes())
    monkeypatch.setenv("MTZOO_ZOO", str(tmp_path))
    assert DeployModel("mine", "onnxruntime", 1).predict(photo).labels["seg"].shape == HW
    with pytest.raises(UserError, match="no shipped model has this name"):
        DeployModel("gone")
