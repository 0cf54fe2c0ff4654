import cv2
import numpy as np
import pytest

from mtzoo.data.dataset import read_arrays
from mtzoo.data.groups import collect_groups
from mtzoo.data.mask_list import read_mask_list
from mtzoo.data.sources import MaskList, TaskData
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

CLASSES = ("ground", "person")


@pytest.fixture
def root(tmp_path):
    for name in ("Images/a.jpg", "Images/b.png", "Images/c d.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 12, 3), 90, np.uint8))
    for i, name in enumerate("ab"):
        path = tmp_path / "data" / "Annotations" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 12), [1, 255][i], np.uint8))
    return tmp_path / "data"


def source(root, text, **changes):
    path = root.parent / "train.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return MaskList(str(root), str(path), "people", **changes)


@pytest.mark.parametrize(("text", "changes"), [
    ("Images/a.jpg Annotations/a.png\nImages/b.png Annotations/b.png\n", {}),
    ("\ufeffImages/a.jpg\tAnnotations/a.png\r\n\r\n  ./Images\\b.png   Annotations/b.png", {}),
    ("Images/a.jpg,Annotations/a.png\nImages/b.png , Annotations/b.png\n", {"separator": ","}),
])
def test_rows_are_pairs_below_the_folder(root, text, changes):
    pairs, faults = read_mask_list(source(root, text, **changes), "seg", CLASSES)
    assert not faults
    assert {image: file.path for image, file in pairs.items()} == {
        "Images/a.jpg": root / "Annotations/a.png", "Images/b.png": root / "Annotations/b.png"}


def test_a_group_has_the_named_images_only_with_their_classes(root):
    task = TaskData("seg", "segmentation", CLASSES, [source(root, "Images/b.png Annotations/b.png\nImages/a.jpg Annotations/a.png\n")])
    (group,), faults = collect_groups([task])
    assert not faults
    assert [record.path.name for record in group.records] == ["a.jpg", "b.png"]
    masks = [read_arrays(record)[1]["seg"] for record in group.records]
    assert [np.unique(mask).tolist() for mask in masks] == [[1], [IGNORE]]


def test_a_name_with_a_space_takes_another_separator(root):
    pairs, faults = read_mask_list(source(root, "Images/c d.png,Annotations/a.png", separator=","), "seg", CLASSES)
    assert (list(pairs), faults) == (["Images/c d.png"], [])


@pytest.mark.parametrize(("row", "said"), [
    ("Images/a.jpg", "row 2: 1 names, expected an image and its mask"),
    ("Images/a.jpg Annotations/a.png 0", "row 2: 3 names"),
    ("Images/c d.png Annotations/a.png", "row 2: 3 names"),
    ("Images/a.jpg ../secret.png", "row 2: mask '../secret.png' leaves its folder"),
    ("/etc/a.jpg Annotations/a.png", "row 2: image '/etc/a.jpg' leaves its folder"),
    ("Images/a.jpg Annotations/z.png", "row 2: mask 'Annotations/z.png': no such file in"),
    ("Images/a.jpg Annotations/a.jpg", "row 2: mask 'Annotations/a.jpg': expected .png"),
    ("Images/a.gif Annotations/a.png", "row 2: image 'Images/a.gif': "),
    ("Images/b.png Annotations/a.png", "row 2: image 'Images/b.png' is named in an earlier row, too"),
])
def test_a_bad_row_is_named_and_the_others_stay(root, row, said):
    pairs, (fault,) = read_mask_list(source(root, f"Images/b.png Annotations/b.png\n{row}\n"), "seg", CLASSES)
    assert str(fault).startswith(f"{root.parent / 'train.txt'}: {said}")
    assert list(pairs) == ["Images/b.png"]


def test_an_image_that_is_not_there_is_a_fault_of_the_group(root):
    task = TaskData("seg", "segmentation", CLASSES, [source(root, "Images/n.png Annotations/a.png\nImages/b.png Annotations/b.png")])
    (group,), (fault,) = collect_groups([task])
    assert str(fault).startswith(f"{root / 'Images/n.png'}: no such image file")
    assert [record.path.name for record in group.records] == ["b.png"]


def test_a_link_out_of_the_folder_is_a_fault_unless_it_is_followed(root):
    outside = root.parent / "outside.png"
    (root / "Annotations" / "a.png").rename(outside)
    (root / "Annotations" / "a.png").symlink_to(outside)
    text = "Images/a.jpg Annotations/a.png"
    pairs, (fault,) = read_mask_list(source(root, text), "seg", CLASSES)
    assert not pairs
    assert "row 1: mask 'Annotations/a.png' is a link that leaves its folder" in str(fault)
    assert not read_mask_list(source(root, text, follow_links=True), "seg", CLASSES)[1]


def test_a_list_that_cannot_be_read(root):
    with pytest.raises(UserError, match=r"train\.txt: row 2: byte 0xff is not UTF-8"):
        read_mask_list(source(root, b"Images/a.jpg Annotations/a.png\n\xff\xfe"), "seg", CLASSES)
    with pytest.raises(UserError, match="no such list of images and masks; check its path"):
        read_mask_list(MaskList(str(root), str(root / "none.txt"), "people"), "seg", CLASSES)


def test_fields_that_cannot_be():
    with pytest.raises(UserError, match="ignore_value=256"):
        MaskList("a", "b", "people", ignore_value=256)
    with pytest.raises(UserError, match="separator is empty"):
        MaskList("a", "b", "people", separator="")
