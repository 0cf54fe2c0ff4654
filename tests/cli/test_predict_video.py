"""`mtzoo predict` on videos: overlays that are whole or told, times, and odd files that never stop the others."""

import json
import os
import resource
import shutil

import cv2
import numpy as np
import pytest

from mtzoo.data import video
from mtzoo.recipes.predict import output as predict_output
from tests.cli.predict_helpers import run, use_fake_model, write_image


@pytest.fixture(autouse=True)
def model(monkeypatch, tmp_path):
    return use_fake_model(monkeypatch, tmp_path)


def write_video(path, frames=3, fps=10, hw=(64, 96), code="MJPG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (frames, *hw, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, hw[::-1])
    for frame in noise:
        writer.write(frame)
    writer.release()
    return path


def results_of(out):
    return json.loads((out / "results.json").read_text())


def test_a_video_gives_a_video_of_the_same_size_and_length(model, tmp_path):
    clip = write_video(tmp_path / "clip.avi", frames=3, fps=10)
    assert run(model, clip, out=tmp_path / "out") == 0
    found = results_of(tmp_path / "out")["videos"][0]
    assert (found["fps"], found["height"], found["width"]) == (10, 64, 96)
    assert [len(frame["boxes"]) for frame in found["frames"]] == [1, 1, 1]
    assert [(frame["frame"], frame["seconds"]) for frame in found["frames"]] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert video.count_frames(tmp_path / "out" / found["overlay"]) == 3
    assert [p.name for p in (tmp_path / "out" / "overlays").iterdir()] == ["clip.mp4"]


@pytest.fixture
def three_inputs(tmp_path):
    """A video between two images."""
    write_image(tmp_path / "in" / "a.png")
    write_video(tmp_path / "in" / "b.avi", frames=20)
    write_image(tmp_path / "in" / "c.png")
    return tmp_path / "in"


def failed_alone(out, three_inputs, capsys):
    """The line of the video; both images are done, and nothing of the video's overlay is left."""
    assert [os.path.basename(i["file"]) for i in results_of(out)["images"]] == ["a.png", "c.png"]
    assert results_of(out)["videos"] == []
    assert [u["file"] for u in results_of(out)["unreadable"]] == [str(three_inputs / "b.avi")]
    assert sorted(os.listdir(out / "overlays")) == ["a.jpg", "c.jpg"]
    printed = capsys.readouterr()
    assert "2 of 3 files done" in printed.out
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"error: {three_inputs / 'b.avi'}: its overlay {out}/overlays/b.mp4 cannot be written (")
    return printed.err


def test_a_file_that_may_not_grow_is_told(model, tmp_path, three_inputs, capsys):
    """As on a full disk: OpenCV tells of no failed write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        assert run(model, three_inputs, out=tmp_path / "out") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "0 of 20 frames have arrived" in failed_alone(tmp_path / "out", three_inputs, capsys)


def test_a_disk_that_gets_full_ends_the_video_early(model, tmp_path, three_inputs, capsys, monkeypatch):
    asked = iter([*[10**9] * 5, *[1000] * 100])
    monkeypatch.setattr(predict_output.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 0, next(asked)))
    assert run(model, three_inputs, out=tmp_path / "out") == 2
    assert "no space left on device" in failed_alone(tmp_path / "out", three_inputs, capsys)


def test_an_interrupt_leaves_the_frames_done_so_far(model, tmp_path, monkeypatch):
    clip = write_video(tmp_path / "clip.avi", frames=9)
    from tests.cli.predict_helpers import FakeModel
    seen = []

    def predict(self, image, once=FakeModel.predict):
        seen.append(image)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return once(self, image)

    monkeypatch.setattr(FakeModel, "predict", predict)
    assert run(model, clip, out=tmp_path / "out") == 130
    (found,) = results_of(tmp_path / "out")["videos"]
    assert len(found["frames"]) == video.count_frames(tmp_path / "out" / found["overlay"]) == 4


@pytest.mark.parametrize("told", [1e9, 1e-9, 0.0, -5.0, float("nan"), float("inf")])
def test_a_frame_rate_that_no_camera_has_is_taken_as_25(model, tmp_path, capsys, monkeypatch, told):
    real = cv2.VideoCapture

    class Odd:
        def __init__(self, path):
            self.capture = real(path)

        def get(self, what):
            return told if what == cv2.CAP_PROP_FPS else self.capture.get(what)

        def read(self):
            return self.capture.read()

        def release(self):
            self.capture.release()

    clip = write_video(tmp_path / "clip.avi")
    with monkeypatch.context() as patch:
        patch.setattr(video.cv2, "VideoCapture", lambda path: (real if "out" in path else Odd)(path))
        assert run(model, clip, write_image(tmp_path / "a.png"), out=tmp_path / "out") == 0
    results = results_of(tmp_path / "out")
    assert results["videos"][0]["fps"] == 25
    assert [frame["seconds"] for frame in results["videos"][0]["frames"]] == [0.0, 0.04, 0.08]
    assert len(results["images"]) == 1
    assert f"note: {clip}: tells of {told:g} frames a second; taken as 25\n" in capsys.readouterr().err


def test_a_truncated_video_gives_what_it_has(model, tmp_path, capfd):
    clip = write_video(tmp_path / "clip.avi", frames=20)
    clip.write_bytes(clip.read_bytes()[:clip.stat().st_size // 2])
    assert run(model, clip, out=tmp_path / "out") == 0
    (found,) = results_of(tmp_path / "out")["videos"]
    assert 0 < len(found["frames"]) < 20
    err = capfd.readouterr().err
    assert err.startswith(f"note: {clip}: {len(found['frames'])} of ")
    assert err.count("\n") == 1, "libraries say nothing of their own"


def test_a_video_too_small_for_an_encoder_is_left_out(model, tmp_path, capfd, monkeypatch):
    clip = write_video(tmp_path / "clip.avi")
    monkeypatch.setattr(predict_output.cv2, "VideoWriter", lambda *args: cv2.VideoCapture())
    assert run(model, clip, out=tmp_path / "out") == 2
    assert f"error: {clip}: this OpenCV cannot write an MPEG-4 video of 96x64 pixels" in capfd.readouterr().err
    assert os.listdir(tmp_path / "out" / "overlays") == []
