import json

import cv2
import pytest

from mtzoo.cli import demo
from mtzoo.cli import main as cli
from mtzoo.data import synthetic
from mtzoo.recipes import demo as recipe
from tests.cli.predict_helpers import FakeModel, write_image


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Scenes that are one colour, and models that need no network."""
    def write_dataset(out, num, seed, *, workers, on_progress):
        for number in range(num):
            write_image(out / "images" / f"{number:06d}.jpg")

    monkeypatch.setattr(synthetic, "write_dataset", write_dataset)
    monkeypatch.setattr(recipe, "load_models", lambda paths, window, executor, threads: FakeModel())
    monkeypatch.chdir(tmp_path)


def overlays(out, kind):
    return sorted(path.name for path in (out / "seen" / kind / "overlays").glob("*.jpg"))


def test_three_scenes_and_the_photos_are_looked_at_and_named(tmp_path, capsys):
    write_image(tmp_path / "mine" / "a.png", hw=(50, 40))
    assert cli.main(["demo", "mine"]) == 0
    out = tmp_path / "work_dirs" / "demo"
    assert overlays(out, "scenes") == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert overlays(out, "photos") == ["a.jpg"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "scenes_resize, 2 tasks, 3 of 3 files:"
    assert lines[2] == "  work_dirs/demo/seen/scenes/overlays/000000.jpg: 1 person"
    assert lines[5] == "dashcam_resize_mobilenetv2, 2 tasks, 1 of 1 file:"
    results = json.loads((out / "seen" / "photos" / "results.json").read_text())
    assert results["model"] == "dashcam_resize_mobilenetv2.onnx"
    assert cli.main(["demo", "mine"]) == 0, "a second time into the same folder"


def test_many_photos_are_not_all_named(tmp_path, capsys):
    for number in range(9):
        write_image(tmp_path / "mine" / f"{number}.png")
    assert cli.main(["demo", "mine", "--out", "out"]) == 0
    assert "  and 3 more: out/seen/photos/overlays\n" in capsys.readouterr().out


def test_a_photo_that_is_none_is_told(tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    assert cli.main(["demo", "a.jpg"]) == 2
    assert "error: a.jpg: " in capsys.readouterr().err
    assert cli.main(["demo", "missing.jpg", "--out", "other"]) == 2
    assert not (tmp_path / "other").exists(), "told before anything is made"


@pytest.mark.parametrize("display", [True, False])
def test_overlays_are_opened_where_they_can_be_seen(tmp_path, monkeypatch, capsys, display):
    opened = []
    monkeypatch.setattr(demo.webbrowser, "open", opened.append)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0" if display else "")
    assert cli.main(["demo", "--out", "out", "--open"]) == 0
    shown = [(tmp_path / "out" / "seen" / "scenes" / "overlays" / f"{number:06d}.jpg").as_uri() for number in range(3)]
    assert opened == (shown if display else [])
    assert ("there is no display here" in capsys.readouterr().err) != display


@pytest.mark.slow
def test_what_the_shipped_model_sees_is_right(tmp_path, monkeypatch):
    """The real scenes and models: label maps and boxes near the scenes' own labels."""
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    out, right, counted = tmp_path / "work_dirs" / "demo", 0, 0
    for number in range(recipe.SCENES):
        truth, seen = (cv2.imread(str(folder / f"{number:06d}.png"), cv2.IMREAD_UNCHANGED)
                       for folder in (out / "scenes" / "seg", out / "seen" / "scenes" / "labels" / "seg_default"))
        right += int((truth == seen)[truth != 255].sum())
        counted += int((truth != 255).sum())
    assert right / counted > 0.85
