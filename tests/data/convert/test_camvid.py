import cv2
import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.camvid import COLORS, NAMES, THIRTY_TWO
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, converted, write_image, write_mask, write_text
from tests.data.convert.layouts import write_camvid, write_camvid32


def test_every_color_is_one_class():
    assert len(set(COLORS.values())) == len(NAMES) == 32
    assert list(NAMES) == sorted(NAMES, key=str.lower)
    assert {name for name, target in THIRTY_TWO.items() if target == "ignore"} == {
        "Animal", "CartLuggagePram", "Misc_Text", "TrafficCone", "Void"}


def test_eleven_classes_as_indices(tmp_path):
    write_camvid(tmp_path / "src")
    seg = converted("camvid", tmp_path / "src", tmp_path / "out").mask("seg", "train_1")
    assert (seg[40, 40], seg[5, 5], seg[22, 4]) == (3, 0, 255)
    assert not (tmp_path / "out" / "train" / "boxes.json").exists()


def test_thirty_two_classes_as_colors(tmp_path):
    write_camvid32(tmp_path / "src")
    result = converted("camvid", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 2, "val": 1}, "the image without a mask is left out"
    seg, lane = result.mask("seg", "0001TP_1"), result.mask("lane", "0001TP_1")
    assert (seg[5, 5], seg[44, 5], seg[35, 22], seg[25, 42]) == (0, 3, 3, 11)
    assert (lane[35, 22], lane[44, 5]) == (4, 0)


def test_codes_make_indices_of_the_thirty_two(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "src" / "images" / f"{name}.png")
        write_mask(tmp_path / "src" / "labels" / f"{name}_P.png", np.full(HW, NAMES.index("Wall"), np.uint8))
    write_text(tmp_path / "src" / "codes.txt", *NAMES)
    write_text(tmp_path / "src" / "valid.txt", "a.png")
    result = converted("camvid", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert (result.mask("seg", "a", "val") == 31).all()
    assert (result.mask("lane", "b") == 0).all()
    write_text(tmp_path / "src" / "codes.txt", "Road", "Sky")
    with pytest.raises(UserError, match=r"codes.txt: its 2 names are not CamVid's 32"):
        converted("camvid", tmp_path / "src", tmp_path / "out2")


def test_colors_and_values_of_nobody_are_named(tmp_path):
    write_camvid32(tmp_path / "src")
    path = tmp_path / "src" / "LabeledApproved_full" / "0001TP_2_L.png"
    image = cv2.imread(str(path))
    image[3, 3] = (3, 2, 1)
    cv2.imwrite(str(path), image)
    with pytest.raises(UserError, match=r"0001TP_2_L.png: colour RGB \(1, 2, 3\) is not one of CamVid's 32"):
        converted("camvid", tmp_path / "src", tmp_path / "out")
    write_camvid(tmp_path / "src11")
    write_mask(tmp_path / "src11" / "trainannot" / "train_1.png", np.full(HW, 12, np.uint8))
    with pytest.raises(UserError, match=r"train_1.png: mask value 12 is not one of this format's 0..11"):
        converted("camvid", tmp_path / "src11", tmp_path / "out")


def test_images_of_one_name_in_two_folders_are_both_taken(tmp_path):
    for split in ("train", "val"):
        for drive, value in (("monday", 3), ("tuesday", 0)):
            write_image(tmp_path / "src" / split / drive / "1.png")
            write_mask(tmp_path / "src" / f"{split}annot" / drive / "1.png", np.full(HW, value, np.uint8))
    result = converted("camvid", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert result.summary.images == {"train": 2, "val": 2}
    assert [result.mask("seg", f"{drive}/1")[5, 5] for drive in ("monday", "tuesday")] == [3, 0]


def test_real_masks_keep_their_pixels(tmp_path, shared_data):
    """The published index masks: what was labelled stays so, void becomes ignore."""
    src = tmp_path / "src"
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (src / split / kind).mkdir(parents=True)
            files = sorted((shared_data / "camvid" / split / kind).iterdir())
            for path in files[:2]:
                (src / split / kind / path.name).symlink_to(path)
    result = converted("camvid", src, tmp_path / "out")
    assert result.summary.images == {"train": 2, "val": 2}
    for path in (src / "val" / "masks").iterdir():
        raw, seg = cv2.imread(str(path), cv2.IMREAD_UNCHANGED), result.mask("seg", path.stem, "val")
        assert (seg[raw == 11] == 255).all()
        assert (seg[raw < 11] == raw[raw < 11]).all()
