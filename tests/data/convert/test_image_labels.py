"""Classes of whole images from a CSV file, alone and beside boxes."""

import pytest

from mtzoo.data.convert import FORMATS, Options, Places, convert
from mtzoo.data.convert.image_labels import add_tags, read_table
from mtzoo.data.convert.listing import ImageFinder, Listing
from mtzoo.data.convert.recognise import recognise
from mtzoo.data.convert.records import LabelledImage
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import write_cvat


def table(root, *lines):
    path = write_text(root / "image_labels.csv", *lines)
    found = read_table(path, ImageFinder(Listing(root)))
    return {image.relative_to(root).as_posix(): labels for image, labels in found.items()}


@pytest.fixture
def root(tmp_path):
    for name in ("images/a.jpg", "images/day, late/b.jpg"):
        write_image(tmp_path / name)
    return tmp_path


def test_columns_by_name_in_any_order(root):
    assert table(root, "task,class,image", "time,day,a.jpg", "road,urban,a.jpg", 'time,dusk,"day, late/b.jpg"') == {
        "images/a.jpg": {"time": "day", "road": "urban"}, "images/day, late/b.jpg": {"time": "dusk"}}
    assert table(root, "filename;label", "a.jpg;day", "day, late/b.jpg;") == {"images/a.jpg": {"cls": "day"}}


@pytest.mark.parametrize(("lines", "message"), [
    (("a.jpg,day",), "the first row is 'a.jpg,day'; it must name the columns: image,class or image,task,class"),
    (("image,class", "gone.jpg,day"), r"csv:2: no such image"),
    (("image,class", ",day"), r"csv:2: names no image"),
    (("image,task,class", "a.jpg,../up,day"), r"csv:2: task '../up': expected letters, digits"),
    (("image,task,class", "a.jpg,seg,day"), r"csv:2: task 'seg': expected"),
    (("image,class", "a.jpg,day", "a.jpg,night"), r"csv:3: 'night', but an earlier row says 'day' of this image"),
    (("image,class", 'a.jpg,"day'), r"no CSV"),
    (("image,class",), "no row with a class"),
])
def test_rows_that_cannot_be_used_are_told(lines, message, root):
    with pytest.raises(UserError, match=message):
        table(root, *lines)


def test_the_class_of_a_tool_is_taken_once(root):
    image = LabelledImage(root / "images" / "a.jpg", "a.jpg", (48, 64))
    add_tags(image, ["time:night", "day", "time:night"], "")
    assert (image.image_labels, image.remarks) == ({"time": "night", "cls": "day"}, [])


def test_boxes_and_classes_of_the_same_images_are_one_set(tmp_path):
    write_cvat(tmp_path / "src")
    write_text(tmp_path / "src" / "image_labels.csv", "image,task,class", "a.jpg,time,day", "b.jpg,time,night")
    (seen,) = recognise(tmp_path / "src")
    assert seen.what.endswith("annotations.xml; classes of images: image_labels.csv")
    result = converted("cvat", tmp_path / "src", tmp_path / "out", Options(classes="own", rename={"night": "dark"}))
    assert result.summary.image_classes == {"time": ["dark", "day"]}
    assert len(result.coco()["images"]) == 1
    assert [(tmp_path / "out" / split / "time.tsv").read_text().split()[1] for split in ("train", "val")] == ["day", "dark"]


def test_a_file_and_a_folder_of_images_elsewhere(root, tmp_path):
    write_image(root / "images" / "c.jpg")
    path = write_text(tmp_path / "mine.csv", "image,class", "a.jpg,day", "c.jpg,night")
    places = Places(root, path, root / "images")
    assert convert(FORMATS["image_labels"], places, tmp_path.with_name("out"), Options()).images.total() == 2
