import numpy as np
import pytest

from mtzoo.data.convert.recognise import recognise
from mtzoo.errors import UserError
from tests.data.convert.helpers import write_image, write_mask, write_text
from tests.data.convert.layouts import LAYOUTS, write_yolo


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "camvid32"] + ["camvid32"])
def test_every_layout_is_recognised(layout, tmp_path):
    form, write = LAYOUTS[layout]
    write(tmp_path)
    assert recognise(tmp_path)[0].format == form


def test_other_folders_and_names_are_recognised_as_kitti(tmp_path):
    write_image(tmp_path / "day" / "pictures" / "a.jpg")
    write_text(tmp_path / "day" / "rows" / "a.txt", "cone 0 0 0 1.5 2 10 12 0 0 0 0 0 0 0")
    assert [(s.format, s.what) for s in recognise(tmp_path)] == [("kitti", "KITTI text: 1 text files in day/rows")]


def test_several_labellings_of_the_same_images_are_all_seen(tmp_path):
    write_image(tmp_path / "images" / "a.jpg")
    write_text(tmp_path / "outlines" / "labels" / "a.txt", "0 0.1 0.1 0.2 0.1 0.2 0.3")
    write_text(tmp_path / "zboxes" / "labels" / "a.txt", "0 0.5 0.5 0.1 0.1")
    write_text(tmp_path / "zboxes" / "set.yaml", "names: [a]")
    write_mask(tmp_path / "masks" / "a.png", np.zeros((48, 64), np.uint8))
    seen = recognise(tmp_path)
    assert [(s.format, str(s.labels)) for s in seen] == [("yolo", "zboxes"), ("yolo", "outlines"), ("masks", "None")]
    assert seen[1].what == "YOLO polygons: 1 text files in outlines/labels"
    assert [s.format for s in recognise(tmp_path, tmp_path / "masks")] == ["masks"]


@pytest.mark.parametrize(("names", "text"), [("data.yaml", "names: [a]"), ("classes.txt", "a")])
def test_empty_label_files_are_those_of_yolo_where_classes_are_named(names, text, tmp_path):
    write_image(tmp_path / "images" / "a.jpg")
    write_text(tmp_path / "labels" / "a.txt", "")
    with pytest.raises(UserError, match="no layout is recognised"):
        recognise(tmp_path)
    write_text(tmp_path / names, text)
    assert [(s.format, s.what) for s in recognise(tmp_path)] == [("yolo", "YOLO without a box: 1 text files in labels")]


def test_label_files_are_known_by_those_that_say_something_however_late(tmp_path):
    for number in range(60):
        write_image(tmp_path / "images" / f"{number:02d}.jpg")
        write_text(tmp_path / "labels" / f"{number:02d}.txt", "0 0.5 0.5 0.1 0.1" if number == 59 else "")
    assert [(s.format, s.what) for s in recognise(tmp_path)] == [("yolo", "YOLO boxes: 60 text files in labels")]


def test_a_folder_of_nothing_known_says_what_there_is(tmp_path):
    write_image(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"no layout is recognised \(1 .jpg\); name the format"):
        recognise(tmp_path)
    write_yolo(tmp_path / "set")
    with pytest.raises(UserError, match=r"no label file or mask of an image in .* is in it"):
        recognise(tmp_path, tmp_path / "set" / "images")
