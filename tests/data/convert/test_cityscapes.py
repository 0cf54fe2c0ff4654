import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, converted, write_image, write_mask, write_text
from tests.data.convert.layouts import write_cityscapes, write_idd

STEM = "aachen/aachen_000000_000019_leftImg8bit"
ROAD, SKY, VEHICLE = 3, 0, 8


def test_ids_become_classes_and_polygons_boxes(tmp_path):
    write_cityscapes(tmp_path / "src")
    result = converted("cityscapes", tmp_path / "src", tmp_path / "out")
    seg = result.mask("seg", STEM)
    assert (seg[25, 20], seg[40, 20], seg[5, 5]) == (VEHICLE, ROAD, SKY)
    assert result.boxes() == [(f"{STEM}.png", "vehicle", [10, 20, 20, 10], 0), (f"{STEM}.png", "vehicle", [40, 20, 20, 8], 1),
                              (f"{STEM}.png", "cyclist", [30, 8, 8, 16], 0), (f"{STEM}.png", "bicycle", [30, 14, 8, 10], 0)]


def test_own_classes_are_the_train_ids(tmp_path):
    write_cityscapes(tmp_path / "src")
    seg = converted("cityscapes", tmp_path / "src", tmp_path / "out", Options(classes="own")).mask("seg", STEM)
    assert (seg[25, 20], seg[40, 20], seg[5, 5]) == (13, 0, 10)


def test_without_id_masks_polygons_are_drawn(tmp_path):
    write_cityscapes(tmp_path / "src")
    for path in (tmp_path / "src").rglob("*_labelIds.png"):
        path.unlink()
    seg = converted("cityscapes", tmp_path / "src", tmp_path / "out").mask("seg", STEM)
    assert (seg[25, 20], seg[40, 20], seg[5, 5]) == (VEHICLE, ROAD, 255)


def test_idd_is_drawn_from_polygons(tmp_path):
    write_idd(tmp_path / "src")
    result = converted("idd", tmp_path / "src", tmp_path / "out")
    name = "7/frame0_leftImg8bit"
    seg = result.mask("seg", name)
    assert (seg[5, 5], seg[42, 50], seg[36, 17], seg[46, 40], seg[25, 50]) == (SKY, ROAD, VEHICLE, 255, 255)
    assert result.boxes() == [(f"{name}.jpg", "vehicle", [10, 15, 20, 25], 0)]


def test_what_is_missing_or_wrong_is_named(tmp_path):
    write_cityscapes(tmp_path / "src")
    write_mask(tmp_path / "src/gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(UserError, match=rf"leftImg8bit.png: the image is {HW[1]}x{HW[0]}, its seg mask 8x8"):
        converted("cityscapes", tmp_path / "src", tmp_path / "out")
    polygons = tmp_path / "src/gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json"
    write_text(polygons, '{"imgHeight": 48, "imgWidth": 64}')
    with pytest.raises(UserError, match=r"polygons.json: 'objects' is None; expected a list"):
        converted("cityscapes", tmp_path / "src", tmp_path / "out")
    write_image(tmp_path / "src/leftImg8bit/train/bonn/b_leftImg8bit.png")
    with pytest.raises(UserError, match=r"b_leftImg8bit.png: no such file .*b_gtFine_polygons.json"):
        converted("cityscapes", tmp_path / "src", tmp_path / "out")
