from pathlib import Path

import cv2
import numpy as np
import pytest

from mtzoo.data.convert.listing import Listing, by_split, named_folders, pair_files, split_of
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, write_image, write_mask


def write_photo(path, hw=HW):
    """A PNG of many colours, as a camera's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (*hw, 3), np.uint8))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_masks_of_any_name_are_no_photos(suffix, tmp_path):
    photo = f"train/images/a.{suffix}"
    write_photo(tmp_path / photo)
    for name in ("lanes_pseudo", "colours"):
        write_mask(tmp_path / "train" / name / "a.png", np.eye(*HW, dtype=np.uint8))
    listing = Listing(tmp_path)
    assert listing.images == [Path(photo)]
    assert listing.masks == [Path("train/colours/a.png"), Path("train/lanes_pseudo/a.png")]
    write_mask(tmp_path / "train" / "masks" / "a.png", np.eye(*HW, dtype=np.uint8))
    listing = Listing(tmp_path)
    assert (listing.images, listing.masks) == ([Path(photo)], [Path("train/masks/a.png")])


def test_two_views_of_one_name_are_both_photos(tmp_path):
    write_photo(tmp_path / "left" / "0.png")
    write_photo(tmp_path / "right" / "0.png")
    write_image(tmp_path / "even" / "1.png")  # a single colour, and no other picture of its name
    assert Listing(tmp_path).images == [Path("even/1.png"), Path("left/0.png"), Path("right/0.png")]
    assert Listing(tmp_path).masks == []


def test_a_folder_s_name_stands_for_every_folder_called_so(tmp_path):
    for split in ("train", "val"):
        write_image(tmp_path / split / "masks" / "a.png")
    assert named_folders(Path("masks"), tmp_path) == [Path("train/masks"), Path("val/masks")]
    assert named_folders(Path("train/masks"), tmp_path) == named_folders(tmp_path / "train/masks", tmp_path) == [Path("train/masks")]
    for name in ("mask", "train/mask"):
        with pytest.raises(UserError, match=f"{name}: no such folder in"):
            named_folders(Path(name), tmp_path)


@pytest.mark.parametrize(("path", "split"), [
    ("train/images", "train"), ("valset/JPEGImages", "val"), ("images/val2017", "val"), ("Training_Images", "train"),
    ("person_keypoints_val2017", "val"), ("valid", "val"), ("test/x", "test"), ("trains/valley", "all"), ("images", "all"),
])
def test_folders_say_the_split(path, split):
    assert split_of(Path(path)) == split


def test_a_test_part_is_left_out_and_told():
    splits, remarks = by_split([Path("train/a.jpg"), Path("b.jpg"), Path("test/c.jpg"), Path("val/d.jpg")])
    assert splits == {"train": [Path("b.jpg"), Path("train/a.jpg")], "val": [Path("val/d.jpg")]}
    assert [remark.line for remark in remarks] == ["test/c.jpg: of the test part"]


def test_the_folders_that_agree_most_decide():
    images = [Path("train/images/a.jpg"), Path("val/images/a.jpg"), Path("val/images/b.jpg")]
    labels = [Path("train/labels/a.txt"), Path("val/labels/a.txt"), Path("train/labels/b.txt"), Path("masks/b_mask.png")]
    assert pair_files(images, labels[:3]) == dict(zip(images, labels))
    assert pair_files(images[2:], labels[3:]) == {images[2]: labels[3]}


def test_two_labels_of_one_image_are_a_choice_for_the_user():
    with pytest.raises(UserError, match=r"a.jpg: label files of this image lie in boxes/train, polygons/train; choose .* --labels"):
        pair_files([Path("images/train/a.jpg")], [Path("boxes/train/a.txt"), Path("polygons/train/a.txt")])
