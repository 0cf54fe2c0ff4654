import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mtzoo.data.coco import read_coco_boxes
from mtzoo.data.convert import FORMATS, Options, Places, convert
from mtzoo.data.convert.coco_subset import HOUSEHOLD
from mtzoo.data.sources import CocoBoxes
from mtzoo.errors import UserError
from tests.data.convert.helpers import Converted, converted, write_image, write_json
from tests.data.convert.layouts import write_coco


def files(result) -> list[str]:
    return [image["file_name"] for image in result.coco()["images"]]


def test_of_coco_itself_images_of_other_things_only_are_left_out(tmp_path):
    write_coco(tmp_path / "src", *HOUSEHOLD)
    result = converted("coco", tmp_path / "src", tmp_path / "out")
    assert files(result) == ["empty.jpg", "road.jpg"], "an image without any object is a negative and stays"
    assert result.boxes() == [("road.jpg", "vehicle", [4, 4, 20, 10], 0), ("road.jpg", "pizza", [4, 4, 2, 2], 0),
                              ("road.jpg", "person", [4, 4, 1, 10], 1)], "without an area: an ignore region, not background"
    assert result.categories() == ["traffic_light", "person", "vehicle", "hair drier", "pizza", "toothbrush"]
    assert result.summary.foreign == 2
    assert "annotations[3] id=4: bbox [4, 4, 0, 10] has no area" in result.summary.lines[0]


def test_any_other_set_is_converted_whole(tmp_path):
    write_coco(tmp_path / "src")
    result = converted("coco", tmp_path / "src", tmp_path / "out")
    assert files(result) == ["empty.jpg", "road.jpg", "table.jpg"]
    assert (result.summary.foreign, result.summary.images) == (0, {"train": 3, "val": 3})


@pytest.mark.parametrize(("given", "right"), [(".", "val2017"), ("val2017/low", "val2017")])
def test_a_folder_of_images_beside_the_right_one_is_told_with_the_right_one(given, right, tmp_path):
    write_coco(tmp_path / "src")
    (tmp_path / "src" / "val2017" / "low").mkdir()
    shutil.rmtree(tmp_path / "src" / "train2017")
    places = Places(tmp_path / "src", tmp_path / "src" / "annotations" / "instances_val2017.json", images=tmp_path / "src" / given)
    with pytest.raises(UserError, match=f"road.jpg, which .*json names, does not lie there but in .*: --images .*{right}$"):
        convert(FORMATS["coco"], places, tmp_path / "out", Options())
    mended = replace(places, images=tmp_path / "src" / right)
    assert convert(FORMATS["coco"], mended, tmp_path / "out", Options()).images == {"train": 2, "val": 1}


def test_own_classes_keep_everything(tmp_path):
    write_coco(tmp_path / "src")
    result = converted("coco", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert files(result) == ["empty.jpg", "road.jpg", "table.jpg"]
    assert result.categories() == ["person", "car", "pizza", "traffic light"]


def test_a_renamed_category_is_wanted(tmp_path):
    write_coco(tmp_path / "src", *HOUSEHOLD)
    result = converted("coco", tmp_path / "src", tmp_path / "out", Options(rename={"pizza": "sign"}))
    assert files(result) == ["empty.jpg", "road.jpg", "table.jpg"]
    assert "sign" in result.categories()


def test_other_places_of_the_same_json(tmp_path):
    for split, file, images in (("train", "_annotations.coco.json", "."), ("valid", "_annotations.coco.json", ".")):
        write_image(tmp_path / "src" / split / images / "a.jpg")
        write_json(tmp_path / "src" / split / file, {
            "images": [{"id": 0, "file_name": "a.jpg", "width": 64, "height": 48}], "categories": [{"id": 0, "name": "bus"}],
            "annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [1, 1, 5, 5], "iscrowd": 1}]})
    assert converted("coco", tmp_path / "src", tmp_path / "out").boxes("val") == [("a.jpg", "vehicle", [1, 1, 5, 5], 1)]


def write_annotations(root: Path, *annotations: dict, **image: object) -> Path:
    """Two splits of one image of 64x48 with these annotations of category bus, unless they say another."""
    for split in ("train", "valid"):
        write_image(root / split / "a.jpg")
        write_json(root / split / "_annotations.coco.json", {
            "images": [{"id": 3, "file_name": "a.jpg", "width": 64, "height": 48, **image}],
            "categories": [{"id": 1, "name": "bus"}, {"id": 2, "name": "person"}],
            "annotations": [{"id": k, "image_id": 3, "category_id": 1, **entry} for k, entry in enumerate(annotations)]})
    return root


@pytest.mark.parametrize("place", [{}, {"bbox": None}, {"bbox": []}, {"bbox": [0, 0, 0, 0]}])
@pytest.mark.parametrize("shape", [[[10, 8, 40, 8, 40, 30]], [[10, 8, 20, 8, 20, 30], [30, 9, 40, 9, 40, 20]],
                                   {"size": [48, 64], "counts": [488, 22, 1370, 22, 1170]}])
def test_polygons_and_runs_without_a_box_are_boxed(place, shape, tmp_path):
    """The runs are rows 8 to 29 of columns 10 and 39."""
    result = converted("coco", write_annotations(tmp_path / "src", {"segmentation": shape, **place}), tmp_path / "out")
    assert result.boxes() == [("a.jpg", "vehicle", [10, 8, 30, 22], 0)]


@pytest.mark.parametrize(("entry", "boxes"), [
    ({"bbox": [4, 4, -10, 5]}, [("a.jpg", "vehicle", [0, 4, 4, 5], 1)]),
    ({"bbox": [4, 4, 0, 5]}, [("a.jpg", "vehicle", [4, 4, 1, 5], 1)]),
    ({"bbox": [4, 4, 8, 5], "iscrowd": "no"}, [("a.jpg", "vehicle", [4, 4, 8, 5], 1)]),
    ({"bbox": [4, 4, 8, 5], "category_id": 77}, [("a.jpg", "ignore", [4, 4, 8, 5], 1)]),
    ({"bbox": [50, 4, 40, 5]}, [("a.jpg", "vehicle", [50, 4, 14, 5], 0)]),
    ({"bbox": [90, 4, 40, 5]}, []),
])
def test_what_is_wrong_is_ignored_where_it_lies(entry, boxes, tmp_path):
    result = converted("coco", write_annotations(tmp_path / "src", {"bbox": [30, 30, 5, 5], "category_id": 2}, entry), tmp_path / "out")
    assert result.boxes() == [("a.jpg", "person", [30, 30, 5, 5], 0), *boxes]
    assert result.summary.lines


@pytest.mark.parametrize("entry", [{}, {"bbox": "4 4 8 5"}, {"segmentation": [[1, 2]]}, {"bbox": [float("nan"), 1, 2, 3]}])
def test_where_nobody_knows_the_place_the_class_is_unknown_in_the_image(entry, tmp_path):
    src = write_annotations(tmp_path / "src", {"bbox": [30, 30, 5, 5], "category_id": 2}, entry)
    result = converted("coco", src, tmp_path / "out")
    ids = {category["name"]: category["id"] for category in result.coco()["categories"]}
    assert result.coco()["images"][0]["not_exhaustive_category_ids"] == [ids["vehicle"]]
    spec = CocoBoxes(str(result.root / "train" / "images"), str(result.root / "train" / "boxes.json"), "out")
    read, _ = read_coco_boxes(spec, "det", ("vehicle", "person"))
    assert read["a.jpg"][1].known.tolist() == [False, True]
    assert result.summary.unknown == {"vehicle": 2}


def test_a_set_of_crowds_has_no_object(tmp_path):
    src = write_annotations(tmp_path / "src", {"bbox": [30, 30, 5, 5], "iscrowd": 1})
    summary = converted("coco", src, tmp_path / "out").summary
    assert (summary.objects, summary.ignored) == ({}, {"vehicle": 2})


def test_a_category_of_its_own_is_told_with_what_to_type(tmp_path):
    src = write_annotations(tmp_path / "src", {"bbox": [30, 30, 5, 5]})
    for path in src.rglob("*.json"):
        path.write_text(path.read_text().replace('"bus"', '"pot hole"'))
    assert converted("coco", src, tmp_path / "out").summary.objects == {"pot hole": 2}
    names = ", ".join(f'{{"id": {number}, "name": "{name}"}}' for number, name in enumerate(HOUSEHOLD, start=8))
    for path in src.rglob("*.json"):
        path.write_text(path.read_text().replace('"categories": [', f'"categories": [{names}, '))
    with pytest.raises(UserError, match=r"nothing to convert: .* for: hair drier, pot hole, toothbrush; .*`--rename 'hair"):
        converted("coco", src, tmp_path / "out")
    assert converted("coco", src, tmp_path / "out", Options(classes="own")).summary.objects == {"pot hole": 2}
    renamed = Options(rename={"pot hole": "sign"})
    assert converted("coco", src, tmp_path / "out", renamed).summary.tasks == ["det_vehicle_sign"]


def test_an_image_of_another_size_than_told_is_not_labelled(tmp_path):
    src = write_annotations(tmp_path / "src", {"bbox": [30, 30, 5, 5]}, width=128)
    with pytest.raises(UserError, match=r"nothing to convert: .*size of the image is not its annotations'; .*the image is 64x48"):
        converted("coco", src, tmp_path / "out")


def test_one_file_anywhere(tmp_path):
    write_coco(tmp_path / "src")
    path = (tmp_path / "src" / "annotations" / "instances_val2017.json").rename(tmp_path / "mine.json")
    places = Places(tmp_path / "src" / "val2017", annotations=path, images=tmp_path / "src" / "val2017")
    summary = convert(FORMATS["coco"], places, tmp_path / "out", Options(classes="own"))
    assert (summary.images, summary.divided) == ({"train": 2, "val": 1}, True)


def test_files_called_after_their_split_with_images_far_away(tmp_path):
    write_coco(tmp_path / "old")
    for split in ("train", "val"):
        (tmp_path / "src" / f"{split}set" / "deep").mkdir(parents=True)
        (tmp_path / "old" / f"{split}2017").rename(tmp_path / "src" / f"{split}set" / "deep" / "photos")
        (tmp_path / "old" / "annotations" / f"instances_{split}2017.json").rename(tmp_path / "src" / f"{split}set" / "labels.json")
    result = converted("coco", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 3, "val": 3}
    assert result.coco("val")["images"][0]["file_name"] == "empty.jpg"
    (tmp_path / "src" / "trainset" / "more.json").write_bytes((tmp_path / "src" / "trainset" / "labels.json").read_bytes())
    with pytest.raises(UserError, match=r"2 COCO files of one split \(train\): trainset/labels.json, trainset/more.json; name one: "):
        converted("coco", tmp_path / "src", tmp_path / "out")


HOMES = ["/home/joe/set", "C:\\sets\\mine", "C:/sets/mine", "/home/joe/set/../set"]


def write_absolute(src: Path, *names: str, files: Sequence[str] = ("left/a.jpg", "left/b.jpg", "right/a.jpg")) -> Path:
    """Image files, and a COCO file with an image and a box for each of the names."""
    for file in files:
        write_image(src / "photos" / file)
    write_json(src / "labels.json", {
        "images": [{"id": k, "file_name": name, "width": 64, "height": 48} for k, name in enumerate(names)],
        "categories": [{"id": 1, "name": "bus"}],
        "annotations": [{"id": k, "image_id": k, "category_id": 1, "bbox": [4 + k, 4, 20, 10]} for k in range(len(names))]})
    return src


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("named", [False, True])
def test_absolute_names_of_another_machine_are_found_by_their_end(home, named, tmp_path):
    src = write_absolute(tmp_path / "src", *(f"{home}/{file}" for file in ("left/a.jpg", "left/b.jpg", "right/a.jpg")))
    places = Places(src, annotations=src / "labels.json", images=src / "photos" if named else None)
    summary = convert(FORMATS["coco"], places, tmp_path / "out", Options(classes="own", val_share=0.34))
    result = Converted(tmp_path / "out", summary)
    assert sorted(result.boxes("train") + result.boxes("val")) == [
        ("left/a.jpg", "bus", [4, 4, 20, 10], 0), ("left/b.jpg", "bus", [5, 4, 20, 10], 0), ("right/a.jpg", "bus", [6, 4, 20, 10], 0)]
    assert summary.remarks[("", "stale path, found below --data", "mended")] == 3
    assert summary.lines[0].endswith(f"left/a.jpg' is stale; read as {src}/photos/left/a.jpg")


def test_an_absolute_name_that_is_not_there_or_not_alone_is_left_out_and_told(tmp_path):
    src = write_absolute(tmp_path / "src", "/home/left/a.jpg", "right/a.jpg", "/gone/c.jpg", "/x/b.jpg", "/y/b.jpg", "left/b.jpg",
                         files=("left/a.jpg", "left/b.jpg", "right/a.jpg", "b.jpg"))
    result = converted("coco", src, tmp_path / "out")
    assert sorted(result.boxes("train") + result.boxes("val")) == [
        ("left/a.jpg", "vehicle", [4, 4, 20, 10], 0), ("left/b.jpg", "vehicle", [9, 4, 20, 10], 0),
        ("right/a.jpg", "vehicle", [5, 4, 20, 10], 0)]
    assert result.summary.remarks == {("", "stale path, found below --data", "mended"): 1,
                                      ("", "listed image that is not there", "dropped"): 1,
                                      ("", "several names of one image", "dropped"): 2}
    assert f"{src}/labels.json: '/gone/c.jpg': no such image in {src}/photos" in result.summary.lines


def test_a_file_whose_images_cannot_be_read_says_why(tmp_path):
    write_annotations(tmp_path / "src", width=64.5)
    with pytest.raises(UserError, match=r"images\[0\]: 'a.jpg' needs 'width' and 'height' in pixels, not 64.5 and 48.*; no image"):
        converted("coco", tmp_path / "src", tmp_path / "out")
    write_json(tmp_path / "empty" / "labels.json", {"images": [], "annotations": [], "categories": []})
    with pytest.raises(UserError, match=r"labels.json: no image in it"):
        converted("coco", tmp_path / "empty", tmp_path / "out")
