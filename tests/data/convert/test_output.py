"""What happens to --out: written whole, replaced only where nobody's work is lost."""

import json
import os

import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.output import OutFolder
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import KITTI_ROWS, write_kitti, write_tusimple
from tests.processes import other_process


@pytest.fixture
def kitti(tmp_path):
    write_kitti(tmp_path / "src")
    return tmp_path / "src"


def test_images_are_linked_or_copied(kitti, tmp_path):
    linked = converted("kitti", kitti, tmp_path / "linked").root / "train" / "images" / "000000.png"
    copied = converted("kitti", kitti, tmp_path / "copied", Options(copy_images=True)).root / "train" / "images" / "000000.png"
    original = kitti / "training" / "image_2" / "000000.png"
    assert linked.resolve() == original.resolve()
    assert not copied.is_symlink()
    assert copied.read_bytes() == original.read_bytes()


def test_an_untouched_conversion_is_replaced(kitti, tmp_path):
    converted("kitti", kitti, tmp_path / "out")
    again = converted("kitti", kitti, tmp_path / "out", Options(classes="own"))
    assert "Car" in again.categories()
    assert sorted(os.listdir(tmp_path)) == ["out", "src"]


@pytest.mark.parametrize("touch", ["added", "changed", "removed"])
def test_a_touched_conversion_is_not(touch, kitti, tmp_path):
    out = converted("kitti", kitti, tmp_path / "out").root
    boxes = out / "train" / "boxes.json"
    if touch == "added":
        (out / "notes.txt").write_text("mine")
    elif touch == "changed":
        boxes.write_text(boxes.read_text().replace("vehicle", "vehicel"))
    else:
        boxes.unlink()
    with pytest.raises(UserError, match="files in it were added, removed or changed since"):
        converted("kitti", kitti, out)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json"])
def test_anything_else_is_refused(content, kitti, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "convert.json").write_text(content)
    with pytest.raises(UserError, match="not an earlier conversion"):
        converted("kitti", kitti, tmp_path / "out")
    assert (tmp_path / "out" / "convert.json").read_text() == content


def test_the_source_is_no_place_to_write(kitti, tmp_path):
    with pytest.raises(UserError, match="lies inside --data"):
        converted("kitti", kitti, kitti / "converted")
    with pytest.raises(UserError, match="is a file"):
        converted("kitti", kitti, write_text(tmp_path / "file", "x"))
    with pytest.raises(UserError, match="no such folder"):
        converted("kitti", tmp_path / "gone", tmp_path / "out")


def test_after_an_error_nothing_is_left_and_the_old_stays(kitti, tmp_path):
    out = converted("kitti", kitti, tmp_path / "out").root
    before = (out / "convert.json").read_bytes()
    write_text(kitti / "training" / "label_2" / "000002.txt", "Car")
    with pytest.raises(UserError, match="1 columns"):
        converted("kitti", kitti, out)
    assert (out / "convert.json").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["out", "src"]


def test_two_conversions_into_one_folder_do_not_meet(kitti, tmp_path):
    other = other_process(lambda: OutFolder(tmp_path / "out", kitti))
    with other as pid, pytest.raises(UserError, match="in use by process") as caught:
        converted("kitti", kitti, tmp_path / "out")
    assert f"process {pid} on" in str(caught.value)
    assert "choose another --out" in str(caught.value)
    converted("kitti", kitti, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["out", "src"]


def test_what_a_killed_conversion_left_goes_and_what_it_took_away_comes_back(kitti, tmp_path):
    """Where folders cannot be exchanged in one step, a kill may come between two renames."""
    out = converted("kitti", kitti, tmp_path / "out").root
    os.rename(out, tmp_path / ".out.old")
    (tmp_path / ".out.host-1-00000000.part" / "train").mkdir(parents=True)
    OutFolder(out, kitti)
    assert (out / "convert.json").exists()
    assert sorted(os.listdir(tmp_path)) == ["out", "src"]


def test_files_that_come_while_it_converts_are_kept(kitti, tmp_path):
    folder = OutFolder(tmp_path / "out", kitti)
    with pytest.raises(UserError, match="not an earlier conversion"), folder.writing():
        write_text(tmp_path / "out" / "mine.txt", "mine")
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


def test_boxes_are_clipped_and_those_outside_told(kitti, tmp_path):
    row = KITTI_ROWS[2].split()
    outside, over = " ".join([*row[:4], "70", "5", "80", "9", *row[8:]]), " ".join([*row[:4], "60", "5", "80", "9", *row[8:]])
    write_text(kitti / "training" / "label_2" / "000000.txt", outside, over)
    result = converted("kitti", kitti, tmp_path / "out")
    assert [box for box in result.boxes() if box[0] == "000000.png"] == [("000000.png", "person", [60, 5, 4, 4], 0)]
    assert result.summary.remarks == {("person", "outside the image", "dropped"): 1, ("person", "clipped to the image", "mended"): 1}
    assert "000000.txt:1: box [70.0, 5.0, 80.0, 9.0] of 'Pedestrian' in an image of 64x48: outside" in result.summary.lines[0]
    assert json.loads((tmp_path / "out" / "convert.json").read_text())["remarks"] == result.summary.lines


def test_one_image_cannot_be_split(tmp_path):
    write_image(tmp_path / "src" / "image_2" / "0.png")
    write_text(tmp_path / "src" / "label_2" / "0.txt", KITTI_ROWS[0])
    with pytest.raises(UserError, match="1 labelled images found; at least 2 are needed"):
        converted("kitti", tmp_path / "src", tmp_path / "out")


def test_images_of_one_stem_cannot_share_a_mask(tmp_path):
    write_tusimple(tmp_path / "src")
    clip = tmp_path / "src" / "clips" / "0313-1" / "1"
    write_image(clip / "20.png")
    rows = tmp_path / "src" / "label_data_0313.json"
    write_text(rows, *(row.replace("2/20.jpg", "1/20.png") for row in rows.read_text().splitlines()), rows.read_text().splitlines()[1])
    with pytest.raises(UserError, match=r"1/20\.(png|jpg): another image has the same name but for its ending"):
        converted("tusimple", tmp_path / "src", tmp_path / "out")


def test_options_check_themselves():
    with pytest.raises(UserError, match="val share 1"):
        Options(val_share=1)
    with pytest.raises(UserError, match="0 workers"):
        Options(workers=0)
