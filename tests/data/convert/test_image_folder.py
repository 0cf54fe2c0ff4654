"""Folders that are classes, and folders that are not."""

from collections import Counter
from pathlib import Path

import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.image_folder import class_folders
from mtzoo.data.convert.recognise import recognise
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image


def found(*names):
    folders = class_folders([Path(name) for name in names])
    return {split: {image.as_posix(): label for image, label in items} for split, items in folders.splits.items()}


def test_where_the_split_stands():
    assert found("day/a.jpg", "night/x/a.jpg") == {"all": {"day/a.jpg": "day", "night/x/a.jpg": "night"}}
    assert found("set/train/day/a.jpg", "set/valid/day/b.jpg", "set/test/day/c.jpg") == {
        "train": {"set/train/day/a.jpg": "day"}, "val": {"set/valid/day/b.jpg": "day"}}
    assert found("day/train/a.jpg", "day/val/b.jpg", "night/train/a.jpg") == {
        "train": {"day/train/a.jpg": "day", "night/train/a.jpg": "night"}, "val": {"day/val/b.jpg": "day"}}
    assert found("train/a.jpg", "bus/b.jpg") == {"all": {"train/a.jpg": "train", "bus/b.jpg": "bus"}}, "a train is a vehicle, too"


def test_val_gets_its_share_of_each_class_and_train_the_only_image_of_one(tmp_path):
    for name in [*(f"day/{k}.jpg" for k in range(6)), "night/0.jpg", "night/1.jpg", "dusk/0.jpg"]:
        write_image(tmp_path / "src" / name)
    result = converted("image_folder", tmp_path / "src", tmp_path / "out", Options(workers=1, val_share=0.4))
    assert (tmp_path / "out" / "val" / "cls.tsv").read_text().splitlines() == [
        "day/3.jpg\tday", "day/4.jpg\tday", "day/5.jpg\tday", "night/1.jpg\tnight"]
    assert result.summary.image_labels["cls"] == Counter(
        {("day", "train"): 3, ("night", "train"): 1, ("dusk", "train"): 1, ("day", "val"): 3, ("night", "val"): 1})


def test_classes_are_renamed_joined_and_left_out(tmp_path):
    for name in ("day/0.jpg", "day/1.jpg", "dusk/0.jpg", "dusk/1.jpg", "dark/0.jpg", "dark/1.jpg", "odd/0.jpg"):
        write_image(tmp_path / "src" / name)
    options = Options(workers=1, rename={"dark": "night", "dusk": "night", "odd": "ignore"}, val_share=0.5)
    summary = converted("image_folder", tmp_path / "src", tmp_path / "out", options).summary
    assert (summary.image_classes, summary.images.total(), summary.unlabelled) == ({"cls": ["day", "night"]}, 6, 1)


@pytest.mark.parametrize(("options", "message"), [
    (Options(split_by="folder"), "--split-by folder: each folder is a class"),
    (Options(union={"all": ("day", "night")}), "--union: makes one box of several, and the format image_folder has no boxes"),
    (Options(rename={"dey": "night"}), "no category 'dey', did you mean 'day'"),
])
def test_options_that_do_not_fit_are_told(options, message, tmp_path):
    for name in ("day/0.jpg", "night/0.jpg"):
        write_image(tmp_path / "src" / name)
    with pytest.raises(UserError, match=message):
        converted("image_folder", tmp_path / "src", tmp_path / "out", options)


@pytest.mark.parametrize(("names", "message"), [
    (("images/a.jpg", "masks/a.jpg"), "folders images, masks are not taken for classes: if each is one, --format image_folder"),
    (("drive_001/a.jpg", "drive_002/a.jpg"), "folders drive_001, drive_002 are not taken"),
    (("2011_09_26/a.jpg", "2011_09_28/a.jpg"), "not taken for classes"),
    (("day/a.jpg", "b.jpg"), r"no layout is recognised \(2 .jpg\); name the format"),
    (("train/a.jpg", "val/b.jpg"), r"no layout is recognised"),
])
def test_folders_of_other_things_are_not_taken_for_classes(names, message, tmp_path):
    for name in names:
        write_image(tmp_path / name)
    with pytest.raises(UserError, match=message):
        recognise(tmp_path)


@pytest.mark.parametrize("names", [("with_mask", "without_mask"), ("00", "01"), ("c0", "c1"), ("lane_change", "parked")])
def test_folders_of_classes_are_taken_and_told(names, tmp_path):
    for name in names:
        write_image(tmp_path / name / "a.png")
    (seen,) = recognise(tmp_path)
    assert (seen.format, seen.what) == ("image_folder", f"a folder of images for each class: {names[0]} (1), {names[1]} (1)")
