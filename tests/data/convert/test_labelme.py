import json

import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_json
from tests.data.convert.layouts import write_labelme


def test_shapes_become_boxes_surfaces_and_lanes(tmp_path):
    write_labelme(tmp_path / "src")
    result = converted("labelme", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("images/a.jpg", "vehicle", [4, 4, 20, 10], 0),
                              ("images/a.jpg", "traffic_light", [36, 6, 8, 8], 0)]
    seg, lane = result.mask("seg", "images/a"), result.mask("lane", "images/a")
    assert (seg[40, 5], seg[5, 5]) == (3, 255)
    assert (lane[40, 30], lane[40, 5]) == (2, 0)
    assert result.summary.lines[0].endswith("a.json: shapes[4]: shape_type 'point' of 'nail' has no area")


def test_own_names_stay(tmp_path):
    write_labelme(tmp_path / "src")
    result = converted("labelme", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert [box[1] for box in result.boxes()] == ["car", "Traffic Light"]


@pytest.mark.parametrize(("change", "message"), [
    ({"imagePath": "../../../a.jpg"}, r"a.json: path '../a.jpg' leaves its folder"),
    ({"imageWidth": 60}, r"a.json: imageHeight, imageWidth are 48, 60, but the image is 48 x 64"),
    ({"shapes": [{"label": "car", "points": 3}]}, r"a.json: shapes\[0\]: a list of points \[x, y\] is wanted, got 3"),
    ({"shapes": [{"points": [[1, 2]]}]}, r"a.json: shapes\[0\]: 'label' is None; a text is wanted there"),
])
def test_a_bad_file_is_named(change, message, tmp_path):
    write_labelme(tmp_path / "src")
    path = tmp_path / "src" / "train" / "json" / "a.json"
    write_json(path, json.loads(path.read_text()) | change)
    with pytest.raises(UserError, match=message):
        converted("labelme", tmp_path / "src", tmp_path / "out")
