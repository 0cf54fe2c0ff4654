"""Exports of CVAT and Label Studio."""

import json

import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.recognise import recognise
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_json, write_text
from tests.data.convert.layouts import CVAT_XML, studio_task, write_cvat, write_label_studio

OWN = Options(classes="own", workers=2)


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
    assert result.summary.whys("dropped") == {"image without an annotation": 1}


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
    assert result.summary.whys("dropped") == {"choice of a region": 1}
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


CVAT_VIDEO = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>drive</name><size>4</size><start_frame>0</start_frame>
<stop_frame>3</stop_frame><frame_filter></frame_filter></task></meta>
<track id="0" label="car" source="manual">
<box frame="0" keyframe="1" outside="0" occluded="0" xtl="4.00" ytl="6.00" xbr="24.00" ybr="16.00" z_order="0"></box>
<box frame="1" keyframe="0" outside="0" occluded="0" xtl="5.00" ytl="6.00" xbr="25.00" ybr="16.00" z_order="0"></box>
<box frame="2" keyframe="1" outside="1" occluded="0" xtl="6.00" ytl="6.00" xbr="26.00" ybr="16.00" z_order="0"></box></track>
<track id="1" label="puddle" source="manual">
<polygon frame="3" keyframe="1" outside="0" points="10,30;20,30;20,40;10,40" z_order="0"></polygon></track>
</annotations>"""


def write_cvat_video(root, *frames):
    for number in frames:
        write_image(root / "images" / f"frame_{number:06d}.png")
    write_text(root / "annotations.xml", CVAT_VIDEO)
    return root


def test_tracks_of_cvat_are_boxes_in_each_frame_where_they_are_seen(tmp_path):
    src = write_cvat_video(tmp_path / "src", 0, 1, 2, 3, 4)
    result = converted("cvat", src, tmp_path / "out", OWN)
    assert result.boxes() == [("images/frame_000000.png", "car", [4, 6, 20, 10], 0),
                              ("images/frame_000001.png", "car", [5, 6, 20, 10], 0)]
    assert result.boxes("val") == [("images/frame_000003.png", "puddle", [10, 30, 10, 10], 0)]
    assert result.summary.images == {"train": 3, "val": 1}
    assert result.summary.empty == 1, "in frame 2"
    assert result.summary.whys("dropped") == {"image that the XML does not name": 1}, "frame 4, after the last"
    assert result.mask("seg", "images/frame_000003", "val")[[35, 5], 15].tolist() == [1, 0]


def test_frames_of_cvat_without_an_image_are_told(tmp_path):
    result = converted("cvat", write_cvat_video(tmp_path / "src", 0, 3), tmp_path / "out", OWN)
    assert len(result.boxes()) == 1
    assert result.summary.whys("dropped") == {"labelled frame without an image": 2}
    with pytest.raises(UserError, match=r"annotations.xml: frame 0 is labelled, and no image in .*src2 is called so; .* ffmpeg -i"):
        converted("cvat", write_cvat_video(tmp_path / "src2", 8, 9), tmp_path / "other")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("<start_frame>0<", "<start_frame>100<", r"a part of its video .* export it as \"CVAT for images 1.1\""),
    ("<frame_filter><", "<frame_filter>step=5<", "a part of its video"),
    ('label="puddle"', 'label="puddle" task_id="8"', "tracks of several tasks"),
    ('frame="3"', 'frame="third"', r"track\[1\]: polygon: frame: 'third' is not a number"),
])
def test_frames_of_cvat_that_could_be_another_image_are_refused(old, new, message, tmp_path):
    src = write_cvat_video(tmp_path / "src", 0, 1, 2, 3)
    write_text(src / "annotations.xml", CVAT_VIDEO.replace(old, new))
    with pytest.raises(UserError, match=message):
        converted("cvat", src, tmp_path / "out")


def test_masks_and_turned_shapes_of_cvat(tmp_path):
    """The mask is 3x2 pixels at (10, 20), of which the first and the last are set."""
    for name in ("a", "b"):
        write_image(tmp_path / "src" / f"{name}.png")
    shapes = """<mask label="hole" left="10" top="20" width="3" height="2" rle="0, 1, 4, 1" z_order="1"/>
<polygon label="road" points="0,15;63,15;63,47;0,47" z_order="0"/><box label="car" xtl="30" ytl="8" xbr="50" ybr="12" rotation="90"/>
<ellipse label="lamp" cx="20" cy="6" rx="4" ry="2" rotation="90"/>"""
    images = "".join(f'<image name="{name}" width="64" height="48">{shapes}</image>' for name in "ab")
    write_text(tmp_path / "src" / "annotations.xml", f"<annotations>{images}</annotations>")
    result = converted("cvat", tmp_path / "src", tmp_path / "out", OWN)
    assert sorted((name, np.round(box, 2).tolist()) for _, name, box, _ in result.boxes()) == [
        ("car", [38, 0, 4, 20]), ("hole", [10, 20, 3, 2]), ("lamp", [18, 2, 4, 8])]
    assert result.summary.mask_classes["seg"] == ["background", "hole", "lamp", "road"]
    assert result.mask("seg", "a")[[20, 20, 21, 21, 10, 3], [10, 11, 12, 13, 5, 20]].tolist() == [1, 3, 1, 3, 0, 2]
    broken = images.replace('rle="0, 1, 4, 1"', 'rle="0, 1, 4, 2"')
    write_text(tmp_path / "src" / "annotations.xml", f"<annotations>{broken}</annotations>")
    with pytest.raises(UserError, match=r"image 'a': mask\[0\]: runs of 7 pixels; expected 3x2"):
        converted("cvat", tmp_path / "src", tmp_path / "other")


@pytest.mark.parametrize("tool", ["labelme", "cvat", "label_studio"])
def test_polygons_of_own_classes_paint_masks_of_own_classes(tool, tmp_path):
    src = tmp_path / "src"
    for name in "ab":
        write_image(src / f"{name}.jpg")
        write_json(src / f"{name}.json", {"imagePath": f"{name}.jpg", "shapes": [
            {"label": "puddle", "shape_type": "polygon", "points": [[8, 12], [32, 12], [32, 24], [8, 24]]}]})
    if tool == "cvat":
        images = "".join(f'<image name="{name}.jpg"><polygon label="puddle" points="8,12;32,12;32,24;8,24"/></image>' for name in "ab")
        write_text(src / "annotations.xml", f"<annotations>{images}</annotations>")
    if tool == "label_studio":
        points = [[12.5, 25], [50, 25], [50, 50], [12.5, 50]]
        write_json(src / "tasks.json", [studio_task(f"{name}.jpg", {
            "type": "polygonlabels", "value": {"points": points, "polygonlabels": ["puddle"]}}) for name in "ab"])
        for name in "ab":
            (src / f"{name}.json").unlink()
    own = converted(tool, src, tmp_path / "own", OWN)
    assert own.summary.mask_classes == {"seg": ["background", "puddle"]}
    assert own.mask("seg", "a")[[18, 18], [20, 50]].tolist() == [1, 0]
    assert own.boxes() == [("a.jpg", "puddle", [8, 12, 24, 12], 0)]
    assert converted(tool, src, tmp_path / "tasks").summary.mask_classes == {}, "no task has a puddle"
    auto = converted(tool, src, tmp_path / "auto", Options(classes="auto")).summary
    assert (auto.classes, auto.categories, auto.mask_classes) == ("own", ["puddle"], {"seg": ["background", "puddle"]})


BRUSH = [0, 0, 0, 96, 57, 27, 254, 31, 0, 183, 255, 108, 2, 223, 254, 27, 0, 0]
"""Of 6x4 pixels, rows 1 and 2 of columns 2 to 4; made by encode_rle of label-studio-sdk."""


def brush(label="mud", **more):
    return {"type": "brushlabels", "original_width": 6, "original_height": 4,
            "value": {"format": "rle", "rle": BRUSH, "brushlabels": [label]}, **more}


def ellipse(label="lamp"):
    return {"type": "ellipselabels", "original_width": 6, "original_height": 4,
            "value": {"x": 50, "y": 50, "radiusX": 25, "radiusY": 50, "rotation": 90, "ellipselabels": [label]}}


def write_small(root, *results):
    for name in "ab":
        write_image(root / f"{name}.png", (4, 6))
    write_json(root / "export.json", [studio_task(f"{name}.png", *results) for name in "ab"])
    return root


def test_brushes_and_ellipses_of_label_studio(tmp_path):
    """The ellipse has radii of 1.5 and 2 pixels, turned by 90 degrees."""
    result = converted("label_studio", write_small(tmp_path / "src", ellipse(), brush()), tmp_path / "out", OWN)
    assert [(name, np.round(box, 2).tolist()) for _, name, box, _ in result.boxes()] == [
        ("lamp", [1, 0.5, 4, 3]), ("mud", [2, 1, 3, 2])]
    assert result.summary.mask_classes["seg"] == ["background", "lamp", "mud"]
    mud = result.mask("seg", "a") == 2
    assert mud[1:3, 2:5].all()
    assert mud.sum() == 6
    cut = {"type": "brushlabels", "value": {"rle": BRUSH[:-4], "brushlabels": ["mud"]}, "original_width": 6, "original_height": 4}
    with pytest.raises(UserError, match=r"task 0: result\[0\]: 'rle' is no picture of 6x4"):
        converted("label_studio", write_small(tmp_path / "cut", cut), tmp_path / "other")


def test_json_min_of_label_studio(tmp_path):
    src = tmp_path / "src"
    write_label_studio(src)
    full = json.loads((src / "export.json").read_text())[:2]
    rows = []
    for task in full:
        values = [{key: value for key, value in {**r, **r["value"]}.items() if key not in ("value", "type")}
                  for r in task["annotations"][0]["result"]]
        rows.append({"image": task["data"]["image"], "id": 1, "shapes": values, "weather": {"choices": ["wet"]}, "time": "night",
                     "annotator": 1, "annotation_id": 4, "created_at": "2024-01-01", "updated_at": "2024-01-01", "lead_time": 2.5})
    write_json(src / "export.json", rows)
    assert recognise(src)[0].format == "label_studio"
    result = converted("label_studio", src, tmp_path / "out")
    assert result.boxes() == [("photos/a.jpg", "vehicle", [16, 24, 32, 12], 0)]
    assert result.mask("seg", "photos/a")[[30, 40], 5].tolist() == [255, result.summary.mask_classes["seg"].index("road")]
    assert result.summary.image_classes == {"weather": ["wet"]}
    assert result.summary.whys("dropped") == {
        "text 'time', of which JSON-MIN does not say whether it is a choice": 2, "image without an annotation": 1}


def test_what_label_studio_says_and_nobody_reads_is_told(tmp_path):
    place = {"x": 25, "y": 50, "width": 50, "height": 25}
    rectangle = {"id": "r", "type": "rectangle", "value": place}
    labels = {"id": "r", "type": "labels", "value": {**place, "labels": ["car", "red"]}}
    text = {"id": "r", "type": "textarea", "value": {**place, "text": ["parked"]}}
    bare = {"id": "s", "type": "rectangle", "value": {**place, "x": 0}}
    point = {"id": "p", "type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 0.5, "keypointlabels": ["nail"]}}
    relation = {"type": "relation", "from_id": "r", "to_id": "s"}
    for name in "ab":
        write_image(tmp_path / "src" / f"{name}.jpg")
    tasks = [studio_task(f"{name}.jpg", rectangle, labels, text, bare, point, relation) for name in "ab"]
    tasks[0]["annotations"].insert(0, {"result": []})
    write_json(tmp_path / "src" / "export.json", tasks)
    result = converted("label_studio", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("a.jpg", "vehicle", [16, 24, 32, 12], 0), ("a.jpg", "ignore", [0, 24, 32, 12], 0)]
    assert result.summary.whys("dropped") == {
        "second label of a region": 2, "textarea, which is not read": 2, "relation, which is not read": 2,
        "shape_type keypoint has no area": 2, "annotation of an image that has a later one": 1}
    assert result.summary.whys("ignored") == {"region without a label": 2}


def test_a_turned_rectangle_of_label_studio_is_boxed_around_its_corners(tmp_path):
    """Label Studio turns it around its corner at x, y: by 90 degrees, 2 pixels wide and 1 high, it lies left of and below that."""
    turned = {"type": "rectanglelabels", "original_width": 6, "original_height": 4,
              "value": {"x": 50, "y": 25, "width": 100 / 3, "height": 25, "rotation": 90, "rectanglelabels": ["car"]}}
    result = converted("label_studio", write_small(tmp_path / "src", turned), tmp_path / "out")
    assert np.round(result.boxes()[0][2], 2).tolist() == [2, 1, 1, 2]


@pytest.mark.parametrize("turn", [90, 180, -45.5])
def test_an_image_that_was_turned_for_labelling_is_left_out_and_told(turn, tmp_path):
    car = {"type": "rectanglelabels", "original_width": 6, "original_height": 4,
           "value": {"x": 0, "y": 25, "width": 50, "height": 25, "rectanglelabels": ["car"]}}
    for name in "abc":
        write_image(tmp_path / "src" / f"{name}.png", (4, 6))
    write_json(tmp_path / "src" / "export.json", [
        studio_task("a.png", {**car, "image_rotation": 0}), studio_task("b.png", {**car, "image_rotation": turn}),
        studio_task("c.png", car)])
    result = converted("label_studio", tmp_path / "src", tmp_path / "out", Options(max_bad_images=0.5))
    assert [name for split in ("train", "val") for name, *_ in result.boxes(split)] == ["a.png", "c.png"]
    assert [line for line in result.summary.lines if f"task 1: result[0]: image_rotation is {turn}: drawn on a turned image" in line]
