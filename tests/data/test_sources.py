import pytest

from mtzoo.data.sources import CocoBoxes, MaskFolder, SyntheticScenes, TaskData, expand_path
from mtzoo.errors import UserError


def test_paths_expand_home_and_environment(monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", "/mnt/drives")
    monkeypatch.setenv("HOME", "/home/me")
    assert str(expand_path("$MTZOO_DATA/camvid")) == "/mnt/drives/camvid"
    assert str(expand_path("~/camvid")) == "/home/me/camvid"
    monkeypatch.delenv("MTZOO_DATA")
    with pytest.raises(UserError, match=r"\$\{MTZOO_DATA\}/camvid.*export it"):
        expand_path("${MTZOO_DATA}/camvid")


@pytest.mark.parametrize(("spec", "words"), [
    (lambda: CocoBoxes("i", "a", "x", weight=0), "weight=0"), (lambda: CocoBoxes("i", "a", "x", weight=float("nan")), "weight=nan"),
    (lambda: MaskFolder("i", "m", ""), "needs a name"), (lambda: MaskFolder("i", "m", "x", ignore_value=256), "ignore_value=256"),
    (lambda: MaskFolder("i", "m", "x", split="test", val_every=5), "split='test' must be 'train' or 'val'"),
    (lambda: MaskFolder("i", "m", "x", split="val"), "'split' and 'val_every' go together"),
    (lambda: MaskFolder("i", "m", "x", val_every=5), "'split' and 'val_every' go together"),
    (lambda: MaskFolder("i", "m", "x", split="train", val_every=1), "val_every=1: every 2nd image at most"),
    (lambda: SyntheticScenes(0, 1, "x", "r", "seg"), "num=0"), (lambda: SyntheticScenes(1, 1, "x", "r", "depth"), "labels='depth'"),
    (lambda: TaskData("t", "depth", ("a",), (CocoBoxes("i", "a", "x"),)), "kind='depth'"),
    (lambda: TaskData("t", "detection", (), (CocoBoxes("i", "a", "x"),)), "no classes"),
    (lambda: TaskData("t", "detection", ("a",), ()), "no data source"),
])
def test_bad_specs_are_told(spec, words):
    with pytest.raises(UserError, match=words):
        spec()


def test_scenes_are_read_as_the_files_they_are(tmp_path):
    scenes = SyntheticScenes(5, 7, "synth", str(tmp_path), "boxes", categories={"person": "human"}, weight=2.0)
    folder = tmp_path / "synth-720x1280-5-7"
    assert scenes.files() == CocoBoxes(str(folder / "images"), str(folder / "boxes.json"), "synth", 2.0, {"person": "human"})
    lanes = SyntheticScenes(5, 7, "synth", str(tmp_path), "lane", label_map={0: 0})
    assert lanes.files() == MaskFolder(str(folder / "images"), str(folder / "lane"), "synth", 1.0, {0: 0})
