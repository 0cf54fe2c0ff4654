import math
from pathlib import Path

import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.kitti import visible_face
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import KITTI_ROWS, write_kitti

BOX = (0.0, 0.0, 100.0, 50.0)


def test_straight_ahead_the_face_is_the_whole_box():
    assert visible_face(-math.pi / 2, 1.6, 4.0, BOX)[:2] == ("vehicle_rear", pytest.approx(BOX))
    assert visible_face(math.pi / 2, 1.6, 4.0, BOX)[:2] == ("vehicle_front", pytest.approx(BOX))


def test_aslant_the_face_stands_where_the_vehicle_comes_from_or_goes_to():
    share = 1.6 / (1.6 + 4.0)  # at 45 degrees
    left, right = (0.0, 0.0, 100 * share, 50.0), (100 * (1 - share), 0.0, 100.0, 50.0)
    faces = {degrees: visible_face(math.radians(degrees), 1.6, 4.0, BOX) for degrees in (-45, -135, 45, 135)}
    assert faces[-45][:2] == ("vehicle_rear", pytest.approx(left)), "drives away to the right: its rear is left"
    assert faces[-135][:2] == ("vehicle_rear", pytest.approx(right))
    assert faces[45][:2] == ("vehicle_front", pytest.approx(right)), "comes to the right: its front is right"
    assert faces[135][:2] == ("vehicle_front", pytest.approx(left))
    assert faces[45][2] == pytest.approx(share)


def test_rows_become_boxes_and_ignore_regions(tmp_path):
    write_kitti(tmp_path / "src")
    result = converted("kitti", tmp_path / "src", tmp_path / "out")
    assert result.categories() == ["cyclist", "person", "vehicle_rear", "vehicle_front", "vehicle", "ignore"]
    first = [box for box in result.boxes() if box[0] == "000000.png"]
    rear = pytest.approx([10, 8, 30, 20], abs=0.1)
    assert first[0] == ("000000.png", "vehicle", [10, 8, 30, 20], 0)
    assert first[1] == ("000000.png", "vehicle_rear", rear, 0)
    assert first[2:] == [("000000.png", "vehicle", [42, 8, 18, 20], 0), ("000000.png", "vehicle_front", [42, 8, 18, 20], 1),
                         ("000000.png", "person", [2, 5, 6, 35], 0), ("000000.png", "ignore", [50, 30, 12, 14], 0)]


def test_image_sets_make_the_split(tmp_path):
    write_kitti(tmp_path / "src")
    write_text(tmp_path / "src" / "ImageSets" / "train.txt", "000002")
    write_text(tmp_path / "src" / "ImageSets" / "val.txt", "000000", "000001")
    assert converted("kitti", tmp_path / "src", tmp_path / "out").summary.images == {"train": 1, "val": 2}
    write_text(tmp_path / "src" / "ImageSets" / "val.txt", "000009")
    with pytest.raises(UserError, match=r"val.txt:1: '000009' has no image with labels"):
        converted("kitti", tmp_path / "src", tmp_path / "out2")


@pytest.mark.parametrize(("row", "message"), [
    ("Car 0.00 0 -1.57 10 8 40", r"000001.txt:1: 7 columns; KITTI object labels have 15"),
    (KITTI_ROWS[0].replace("Car", "Boat"),
     r"1 category that this format does not have: 'Boat' \(1 object, first .*000001.txt:1\); .*--rename Boat=CLASS "),
    (KITTI_ROWS[0].replace("40.00", "wide"), r"000001.txt:1: 'wide' is not a number"),
    (KITTI_ROWS[0].replace("40.00", "nan"), r"000001.txt:1: 'nan' is not finite"),
])
def test_a_bad_row_is_named(row, message, tmp_path):
    write_kitti(tmp_path / "src")
    write_text(tmp_path / "src" / "training" / "label_2" / "000001.txt", row)
    with pytest.raises(UserError, match=message):
        converted("kitti", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def write_rows(root: Path, *rows: str) -> Path:
    write_kitti(root)
    for number in range(3):
        write_text(root / "training" / "label_2" / f"00000{number}.txt", *rows)
    return root


CAR_2D, PERSON_2D = "Car 0 0 0 10 8 40 28 0 0 0 0 0 0 0", "Pedestrian 0 0 0 2 5 8 40 0 0 0 0 0 0 0"


@pytest.mark.parametrize("car", [CAR_2D, "Car -1 -1 -10 10 8 40 28 -1 -1 -1 -1000 -1000 -1000 -10",
                                 "Car 0 0 0 10 8 40 28 1.5 1.6 4 0 0 0 0"])
def test_without_3d_rears_and_fronts_are_unknown(car, tmp_path):
    result = converted("kitti", write_rows(tmp_path / "src", car, PERSON_2D), tmp_path / "out")
    assert result.categories() == ["person", "vehicle"], "types that do not occur are unknown, too"
    assert result.summary.tasks == ["det_person", "det_vehicle_sign"]
    assert [box[1:3] for box in result.boxes()[:2]] == [("vehicle", [10, 8, 30, 20]), ("person", [2, 5, 6, 35])]


def test_a_vehicle_without_3d_among_others_has_no_background_at_its_rear(tmp_path):
    result = converted("kitti", write_rows(tmp_path / "src", KITTI_ROWS[0], CAR_2D.replace("10 8 40", "42 8 60")), tmp_path / "out")
    assert [box[1:] for box in result.boxes()[2:5]] == [
        ("vehicle", [42, 8, 18, 20], 0), ("vehicle_rear", [42, 8, 18, 20], 1), ("vehicle_front", [42, 8, 18, 20], 1)]
    assert "det_rear" in result.summary.tasks


def test_names_of_its_own(tmp_path):
    src = write_rows(tmp_path / "src", CAR_2D.replace("Car", "car"), PERSON_2D.replace("Pedestrian", "trafficcone"),
                     PERSON_2D.replace("Pedestrian", "ignore"))
    with pytest.raises(UserError, match=r"1 category that this format .*: 'trafficcone' \(3 objects, .*--ignore trafficcone"):
        converted("kitti", src, tmp_path / "out")
    result = converted("kitti", src, tmp_path / "out", Options(rename={"trafficcone": "cone", "car": "sign"}))
    assert result.summary.objects == {"sign": 3, "cone": 3}
    assert result.summary.ignored == {"ignore": 3}
    own = converted("kitti", src, tmp_path / "out", Options(classes="own")).summary
    assert (own.objects, own.ignored) == ({"car": 3, "trafficcone": 3}, {"ignore": 3})


def test_an_image_without_a_label_file_is_not_labelled(tmp_path):
    src = write_rows(tmp_path / "src", CAR_2D)
    labels = src / "training" / "label_2"
    (labels / "000001.txt").unlink()
    summary = converted("kitti", src, tmp_path / "out").summary
    assert summary.images == {"train": 1, "val": 1}
    assert summary.whys("dropped") == {"image without a label file": 1}
    for path in labels.iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"label_2: none of the label files of 3 images was found, e.g. 000000.txt"):
        converted("kitti", src, tmp_path / "out2")


def test_any_folders_of_any_names(tmp_path):
    for split, name in (("train", "a"), ("train", "b"), ("val", "a")):
        write_image(tmp_path / "src" / split / "photos" / f"{name}.jpg")
        write_text(tmp_path / "src" / split / "rows" / f"{name}.txt", CAR_2D.replace("Car", "van"))
    result = converted("kitti", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 2, "val": 1}
    assert result.summary.objects == {"vehicle": 3}
    assert [image["file_name"] for image in result.coco("val")["images"]] == ["a.jpg"]
