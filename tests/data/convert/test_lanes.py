"""TuSimple and CULane: lanes of no style."""

import json

import numpy as np
import pytest

from mtzoo.data.convert.tusimple import open_tusimple
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_text
from tests.data.convert.layouts import write_culane, write_tusimple

PAINT = 4


def test_tusimple_draws_lanes_where_they_are(tmp_path):
    write_tusimple(tmp_path / "src")
    result = converted("tusimple", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 1, "val": 1}
    lane = result.mask("lane", "clips/0313-1/1/20")
    assert (lane[30, 20], lane[15, 50], lane[10, 20], lane[35, 50], lane[0, 0]) == (PAINT, PAINT, 0, 0, 0)


@pytest.mark.parametrize(("change", "message"), [
    ({"raw_file": "../20.jpg"}, r"label_data_0313.json:1: path '../20.jpg' leaves its folder"),
    ({"raw_file": "clips/9/20.jpg"}, r"label_data_0313.json:1: no such file"),
    ({"raw_file": "clips/" + 300 * "9"}, r"label_data_0313.json:1: no such file"),
    ({"lanes": [[1, 2]]}, r"label_data_0313.json:1: lanes\[0\] has 2 values, h_samples 4"),
    ({"h_samples": None}, r"label_data_0313.json:1: 'h_samples' is None; expected a list"),
])
def test_a_bad_row_of_tusimple_is_named(change, message, tmp_path):
    write_tusimple(tmp_path / "src")
    path = tmp_path / "src" / "label_data_0313.json"
    rows = path.read_text().splitlines()
    write_text(path, json.dumps(json.loads(rows[0]) | change), rows[1])
    with pytest.raises(UserError, match=message):
        converted("tusimple", tmp_path / "src", tmp_path / "out")


def test_culane_draws_polylines(tmp_path):
    write_culane(tmp_path / "src")
    result = converted("culane", tmp_path / "src", tmp_path / "out")
    lane = result.mask("lane", "driver_1/train.MP4/00000")
    assert (lane[30, 20], lane[30, 50], lane[44, 5], lane[5, 5]) == (PAINT, PAINT, PAINT, 0)


def test_a_bad_row_of_culane_is_named(tmp_path):
    write_culane(tmp_path / "src")
    lines = tmp_path / "src" / "driver_1" / "train.MP4" / "00000.lines.txt"
    write_text(lines, "1 2 3 4", "5 6 7")
    with pytest.raises(UserError, match=r"00000.lines.txt:2: 3 numbers; a lane is pairs"):
        converted("culane", tmp_path / "src", tmp_path / "out")
    lines.unlink()
    with pytest.raises(UserError, match=r"train.txt:1: no such file .*00000.lines.txt"):
        converted("culane", tmp_path / "src", tmp_path / "out")


def test_lanes_on_real_frames(tmp_path, shared_data):
    """Real frames labelled anew in TuSimple's rows: the lane drawn lies on the lane of the given mask."""
    import cv2

    frames = shared_data / "tusimple6"
    rows = []
    for path in sorted((frames / "images").glob("*.jpg"))[:3]:
        name = f"clips/{path.stem}/20.jpg"
        (tmp_path / "src" / name).parent.mkdir(parents=True)
        (tmp_path / "src" / name).symlink_to(path)
        mask = cv2.imread(str(frames / "masks" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        rows.append(json.dumps({"raw_file": name, "h_samples": list(range(240, 720, 10)), "lanes": lanes_of(mask)}))
    write_text(tmp_path / "src" / "label_data_0601.json", *rows)
    assert len(open_tusimple(tmp_path / "src").splits["all"]) == 3
    result = converted("tusimple", tmp_path / "src", tmp_path / "out")
    given = cv2.imread(str(frames / "masks" / "0000.png"), cv2.IMREAD_UNCHANGED) > 0
    drawn = result.mask("lane", "clips/0000/20") == PAINT
    assert (drawn & cv2.dilate(given.astype(np.uint8), np.ones((9, 9))).astype(bool)).sum() > 0.9 * drawn.sum() > 1000


def lanes_of(mask: np.ndarray) -> list[list[int]]:
    """The middle of each lane's pixels in the rows that TuSimple samples, -2 where it has none."""
    lanes = []
    for lane in range(1, mask.max() + 1):
        columns = [np.flatnonzero(mask[y] == lane) for y in range(240, 720, 10)]
        lanes.append([int(np.median(xs)) if xs.size else -2 for xs in columns])
    return lanes


def test_a_lane_of_one_point_is_ignored_around_it(tmp_path):
    write_culane(tmp_path / "src")
    write_text(tmp_path / "src" / "driver_1" / "train.MP4" / "00000.lines.txt", "20 40")
    lane = converted("culane", tmp_path / "src", tmp_path / "out").mask("lane", "driver_1/train.MP4/00000")
    assert (lane[40, 20], lane[10, 20]) == (255, 0)


def test_two_rows_for_one_image_are_refused(tmp_path):
    write_tusimple(tmp_path / "src")
    path = tmp_path / "src" / "label_data_0313.json"
    rows = path.read_text().splitlines()
    write_text(path, *rows, rows[0])
    with pytest.raises(UserError, match=r"label_data_0313.json:3: a second row for 'clips/0313-1/1/20.jpg'"):
        converted("tusimple", tmp_path / "src", tmp_path / "out")
