from pathlib import Path

import pytest

from mtzoo.data.convert.listing import by_split, pair_files, split_of
from mtzoo.errors import UserError


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
