"""Exports of CVAT and Label Studio."""

import json

import pytest

from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_json, write_text
from tests.data.convert.layouts import CVAT_XML, studio_task, write_cvat, write_label_studio


def test_cvat(tmp_path):
    write_cvat(tmp_path / "src")
    result = converted("cvat", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("photos/day/a.jpg", "vehicle", [4, 6, 20, 10], 0)]
    assert result.boxes("val") == [("photos/day/b.jpg", "sign", [16, 7, 8, 6], 0)]
    assert result.mask("seg", "photos/day/a")[[10, 40], 5].tolist() == [255, result.summary.mask_classes["seg"].index("road")]
    assert result.summary.whys("dropped") == {"shape_type point has no area": 1}


def test_label_studio(tmp_path):
    write_label_studio(tmp_path / "src")
    result = converted("label_studio", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("photos/a.jpg", "vehicle", [16, 24, 32, 12], 0)]
    assert result.mask("seg", "photos/a")[[30, 40], 5].tolist() == [255, result.summary.mask_classes["seg"].index("road")]
    assert result.summary.whys("dropped") == {"task without an annotation": 1}


def test_tags_of_cvat_are_classes_of_the_whole_image(tmp_path):
    write_cvat(tmp_path / "src")
    tags = CVAT_XML.replace('height="48">\n<box', 'height="48"><tag label="night" source="manual"></tag><tag label="road:wet"/><box')
    tags = tags.replace("<ellipse", '<tag label="day"/><tag label="road:wet"/><tag label="road:dry"/><ellipse')
    write_text(tmp_path / "src" / "annotations.xml", tags)
    result = converted("cvat", tmp_path / "src", tmp_path / "out")
    assert result.summary.image_classes == {"cls": ["day", "night"], "road": ["wet"]}
    assert [(tmp_path / "out" / split / "cls.tsv").read_text() for split in ("train", "val")] == [
        "photos/day/a.jpg\tnight\n", "photos/day/b.jpg\tday\n"]
    assert result.boxes() == [("photos/day/a.jpg", "vehicle", [4, 6, 20, 10], 0)]
    assert result.summary.whys("dropped")["several classes of one image in one task"] == 1
    assert [line for line in result.summary.lines if "'wet', 'dry' of task 'road' at once" in line]
    write_text(tmp_path / "src" / "annotations.xml", tags.replace('<tag label="day"/>', "<tag/>"))
    with pytest.raises(UserError, match=r"image 'day/b.jpg': tag\[0\]: no label"):
        converted("cvat", tmp_path / "src", tmp_path / "other")


def test_choices_of_label_studio_are_classes_of_the_whole_image(tmp_path):
    box = {"id": "r", "type": "rectanglelabels", "value": {"x": 25, "y": 50, "width": 50, "height": 25, "rectanglelabels": ["car"]}}
    for name in "ab":
        write_image(tmp_path / "src" / f"{name}.jpg")

    def choice(control, label, **more):
        return {"id": "c", "type": "choices", "from_name": control, "value": {"choices": [label]}, **more}

    write_json(tmp_path / "src" / "export.json", [
        studio_task("a.jpg", box, choice("time", "night"), choice("of the day", "late"), choice("state", "parked", id="r")),
        studio_task("b.jpg", box, choice("time", "day"))])
    result = converted("label_studio", tmp_path / "src", tmp_path / "out")
    assert result.summary.image_classes == {"cls": ["late"], "time": ["day", "night"]}
    assert result.summary.whys("dropped") == {}
    write_json(tmp_path / "src" / "export.json", [
        studio_task(f"{name}.jpg", box, {"type": "choices", "value": {"choices": 3}}) for name in "ab"])
    with pytest.raises(UserError, match=r"result\[1\]: 'choices' is 3; expected a list"):
        converted("label_studio", tmp_path / "src", tmp_path / "other")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("day/b.jpg", "day/c.jpg", r"annotations.xml: image 'day/c.jpg': no such image in .*src"),
    ('name="day/b.jpg" width="64"', 'name="day/b.jpg" width="65"', r"'day/b.jpg': made for an image of 65x48, but it is 64x48"),
    ('xbr="24.00"', 'xbr="far"', r"'day/a.jpg': box\[0\]: 'far' is not a number"),
    ("63.00,47.00;", "63.00;", r"polygon\[1\]: '63.00' is not a point x,y"),
    ('label="sign"', "", r"ellipse\[0\]: no label"),
])
def test_what_is_wrong_in_cvat_s_file_is_named(old, new, message, tmp_path):
    write_cvat(tmp_path / "src")
    write_text(tmp_path / "src" / "annotations.xml", CVAT_XML.replace(old, new))
    with pytest.raises(UserError, match=message):
        converted("cvat", tmp_path / "src", tmp_path / "out")


def test_what_is_wrong_in_label_studio_s_file_is_named(tmp_path):
    write_label_studio(tmp_path / "src")
    write_image(tmp_path / "src" / "other" / "a.jpg")
    with pytest.raises(UserError, match=r"task 0: 2 images of this name, photos/a.jpg and other/a.jpg in .*src"):
        converted("label_studio", tmp_path / "src", tmp_path / "out")
    bent = {"type": "polygonlabels", "value": {"points": [[1, "x"]], "polygonlabels": ["road"]}}
    write_json(tmp_path / "src" / "export.json", [studio_task("photos/a.jpg", bent), studio_task("photos/b.jpg")])
    with pytest.raises(UserError, match=r"export.json: task 0: result\[0\]: 'x' is not a number"):
        converted("label_studio", tmp_path / "src", tmp_path / "out")
    write_text(tmp_path / "src" / "export.json", "[" + json.dumps({"data": {"image": 3}, "annotations": [{"result": []}]}) + "]")
    with pytest.raises(UserError, match=r"task 0: 'data' names no image"):
        converted("label_studio", tmp_path / "src", tmp_path / "out")
