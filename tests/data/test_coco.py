import os

import numpy as np
import pytest

from mtzoo.data.coco import read_coco_boxes
from mtzoo.errors import UserError

CLASSES = ("person", "car")


def test_categories_map_by_name_and_crowds_become_ignore(tiny):
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert not faults
    hw, boxes = images["a.png"]
    assert hw == (48, 64)
    np.testing.assert_array_equal(boxes.xyxy, [[4, 8, 24, 18], [30, 8, 40, 38]])
    assert boxes.labels.tolist() == [1, 0]
    assert boxes.ignore.tolist() == [False, True]
    assert boxes.known.tolist() == [True, True]
    assert len(images["b.png"][1].xyxy) == 0  # 'crowd' is nobody's category
    assert len(images["c.png"][1].xyxy) == 0  # an empty image is kept


def test_classes_without_a_category_are_unknown(tiny):
    images, _ = read_coco_boxes(tiny.boxes_source(), "det", ("person", "truck"))
    assert images["a.png"][1].known.tolist() == [True, False]


def test_labels_state_what_is_known(tiny):
    images, _ = read_coco_boxes(tiny.boxes_source(labels=("truck",)), "det", ("person", "truck"))
    assert images["a.png"][1].known.tolist() == [False, True]


def test_renaming_many_to_one_and_ignore_for_every_class(tiny):
    source = tiny.boxes_source(categories={"car": "thing", "person": "thing", "crowd": "ignore"})
    images, _ = read_coco_boxes(source, "det", ("thing", "other"))
    assert images["a.png"][1].labels.tolist() == [0, 0]
    region = images["b.png"][1]
    assert region.labels.tolist() == [0, 1]
    assert region.ignore.all()
    assert region.known.tolist() == [True, False]


@pytest.mark.parametrize(("changes", "words"), [
    ({"categories": {"cra": "car"}}, "did you mean 'car'"),
    ({"categories": {"car": "cars"}}, "is not a class of the task; did you mean 'car'"),
    ({"labels": ("persn",)}, "did you mean 'person'"),
])
def test_names_that_nobody_has(tiny, changes, words):
    with pytest.raises(UserError, match=words):
        read_coco_boxes(tiny.boxes_source(**changes), "det", CLASSES)


def test_a_file_without_any_wanted_category_lists_its_categories(tiny):
    with pytest.raises(UserError, match="its categories: car, crowd, person"):
        read_coco_boxes(tiny.boxes_source(), "det", ("boat",))


@pytest.mark.parametrize(("bbox", "words"), [
    ([4, 8, float("nan"), 10], "not finite"), ([4, 8, -3, 10], "no area"), ([4, 8, 0, 10], "no area"),
    ([60, 8, 10, 10], "reaches 6 px outside 'a.png' \\(64x48\\)"), ([-70, 8, 10, 10], "outside"), ([1, 2, 3], "not \\[x, y"),
    (["1", 2, 3, 4], "bbox \\['1', 2, 3, 4\\] is not \\[x, y"), (None, "not \\[x, y"), ([True, 1, 2, 3], "not \\[x, y"),
    ([[1], {}, 2, 3], "bbox \\[\\[...\\], {...}, 2, 3\\] is not"), ([10**400, 1, 2, 3], "not finite or too large"),
    ([1, 2, float("inf"), 3], "not finite"), ({"x": 1}, "bbox {...} is not"),
])
def test_bad_boxes_are_faults_with_row_and_id(tiny, bbox, words):
    content = tiny.coco
    content["annotations"][0]["bbox"] = bbox
    tiny.write_coco(content)
    images, (fault,) = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert str(fault).startswith(f"{tiny.root}/boxes.json: annotations[0] id=10: ")
    with pytest.raises(UserError, match=words):
        raise UserError(str(fault))
    assert len(images["a.png"][1].xyxy) == 1  # the good one


def test_rounding_over_the_edge_is_clipped(tiny):
    content = tiny.coco
    content["annotations"][0]["bbox"] = [-0.5, 40, 30, 8.7]
    tiny.write_coco(content)
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert not faults
    np.testing.assert_allclose(images["a.png"][1].xyxy[0], [0, 40, 29.5, 48])


@pytest.mark.parametrize(("name", "words"), [("../x.png", "leaves its folder"), ("/etc/x.png", "leaves its folder"),
                                             ("sub\\..\\..\\x.png", "leaves"), ("c:/x.png", "leaves"), ("b.png", "there twice"),
                                             (".\\b.png", "there twice"), ("\\\\server\\x.png", "leaves"), ("a\0.png", "no file name"),
                                             ("\ud800.png", "no file name"), ("a\n/../../x", "leaves")])
def test_file_names_stay_below_the_images_folder(tiny, name, words):
    content = tiny.coco
    content["images"][2]["file_name"] = name
    tiny.write_coco(content)
    _, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert words in faults[0].message
    assert faults[0].where == "images[2]"
    assert "\n" not in str(faults[0])
    str(faults[0]).encode()


def test_windows_separators_are_turned(tiny):
    content = tiny.coco
    content["images"][2]["file_name"] = "left\\day 1\\c.png"
    tiny.write_coco(content)
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert not faults
    assert "left/day 1/c.png" in images


@pytest.mark.parametrize(("key", "entry", "words"), [
    ("annotations", {"id": 9, "image_id": 77, "category_id": 1, "bbox": [1, 1, 2, 2]}, "image_id 77"),
    ("annotations", {"id": 9, "image_id": 0, "category_id": 77, "bbox": [1, 1, 2, 2]}, "category_id 77"),
    ("annotations", "nonsense", "'nonsense' is not an object"),
    ("annotations", {"id": 10, "image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2]}, "annotation id 10 is there twice"),
    ("annotations", {"id": "10", "image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2]}, "id is not an integer"),
    ("annotations", {"id": [], "image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2]}, "id is not an integer"),
    ("annotations", {"id": 9, "image_id": "0", "category_id": 1, "bbox": [1, 1, 2, 2]}, "image_id '0' is not in"),
    ("annotations", {"id": 9, "image_id": 0, "category_id": [1], "bbox": [1, 1, 2, 2]}, "category_id [1] is not in"),
    ("annotations", {"id": 9, "image_id": 0, "category_id": 1, "bbox": [1, 1, 2, 2], "iscrowd": "0"}, "iscrowd '0'"),
    ("images", 7, "7 is not an object"),
    ("images", {"id": 1.0, "file_name": "d.png", "width": 64, "height": 48}, "not 1.0 and 'd.png'"),
    ("images", {"id": 3, "file_name": ["d.png"], "width": 64, "height": 48}, "not 3 and ['d.png']"),
    ("images", {"id": 3, "file_name": "d.png", "width": "64", "height": 48}, "in pixels, not '64' and 48"),
    ("images", {"id": 3, "file_name": "d.png", "width": float("nan"), "height": 48}, "in pixels, not nan and 48"),
    ("images", {"id": 3, "file_name": "d.png", "width": 30000, "height": 30000}, "more than 40 million pixels"),
    ("categories", {"id": 9, "name": None}, "not 9 and None"),
    ("categories", None, "None is not an object"),
    ("images", {"id": 0, "file_name": "d.png", "width": 64, "height": 48}, "image id 0 is there twice"),
    ("images", {"id": 3, "file_name": "d.png"}, "needs 'width' and 'height'"),
    ("images", {"id": 3, "file_name": "", "width": 64, "height": 48}, "is empty; name the file"),
    ("categories", {"id": 1, "name": "bike"}, "category id 1 is there twice"),
    ("categories", {"name": "bike"}, "integer 'id' and a 'name'"),
])
def test_every_row_is_checked(tiny, key, entry, words):
    content = tiny.coco
    content[key].append(entry)
    tiny.write_coco(content)
    _, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert len(faults) == 1
    assert words in faults[0].message


@pytest.mark.parametrize(("text", "words"), [("{", "not JSON"), ("[]", "top level is not an object"), ("{}", "no list 'images'"),
                                             ('{"images": [], "annotations": {}}', "no list 'annotations'"), ("\x00\xff", "not JSON"),
                                             ("", "not JSON"), ("[" * 200_000, "nested too deep"),
                                             ('{"images": [' + '{"a":' * 200_000, "nested too deep"), ("9" * 5000, "not JSON")])
def test_files_that_are_not_coco(tiny, text, words):
    (tiny.root / "boxes.json").write_text(text)
    with pytest.raises(UserError, match=words):
        read_coco_boxes(tiny.boxes_source(), "det", CLASSES)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_byte_order_marks_and_wide_encodings_are_read(tiny, encoding):
    path = tiny.root / "boxes.json"
    expected = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)[0].keys()
    path.write_bytes(path.read_text().encode(encoding))
    assert read_coco_boxes(tiny.boxes_source(), "det", CLASSES)[0].keys() == expected


def test_another_encoding_is_told_with_its_line(tiny):
    (tiny.root / "boxes.json").write_bytes('{"images": [],\n"info": "Stra\xdfe"}'.encode("latin-1"))
    with pytest.raises(UserError, match=r"boxes.json: not JSON \(line 2: byte 0xdf is not utf-8\); save the file as UTF-8"):
        read_coco_boxes(tiny.boxes_source(), "det", CLASSES)


def test_a_file_too_large_is_not_read(tiny):
    os.truncate(tiny.root / "boxes.json", 3 << 30)  # a hole: no disk is filled
    with pytest.raises(UserError, match="boxes.json: 3,221,225,472 bytes; 536,870,912 are the most"):
        read_coco_boxes(tiny.boxes_source(), "det", CLASSES)


def test_a_folder_as_annotation_file(tiny):
    with pytest.raises(UserError, match="images: a folder, pipe or device, no annotation file; give a COCO"):
        read_coco_boxes(tiny.boxes_source(annotations=str(tiny.root / "images")), "det", CLASSES)


def test_very_many_categories_are_not_all_listed(tiny):
    content = tiny.coco
    content["categories"] = [{"id": i, "name": f"{i:05d}" + "x" * 500} for i in range(1000)]
    tiny.write_coco({**content, "annotations": []})
    with pytest.raises(UserError, match=r"\(1000 in all\)") as error:
        read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert len(str(error.value)) < 5000


def test_a_missing_annotation_file(tiny):
    with pytest.raises(UserError, match="no such annotation file"):
        read_coco_boxes(tiny.boxes_source(annotations=str(tiny.root / "no.json")), "det", CLASSES)


@pytest.mark.parametrize("bbox", [None, [], [0, 0, 0, 0]])
@pytest.mark.parametrize("shape", [[[4, 8, 24, 8, 24, 18]], {"size": [48, 64], "counts": [200, 10, 902, 10, 1950]}])
def test_an_annotation_without_a_box_has_that_of_its_segmentation(tiny, bbox, shape):
    content = tiny.coco
    content["annotations"][0] |= {"bbox": bbox, "segmentation": shape}
    tiny.write_coco(content)
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert not faults
    np.testing.assert_allclose(images["a.png"][1].xyxy[0], [4, 8, 24, 18])


def test_a_segmentation_of_another_size_than_the_image_is_a_fault(tiny):
    content = tiny.coco
    content["annotations"][0] |= {"bbox": None, "segmentation": {"size": [64, 48], "counts": [10, 20, 3042]}}
    tiny.write_coco(content)
    _, (fault,) = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert "is not [x, y, width, height], and its segmentation has no area" in str(fault)


def test_categories_that_are_not_all_annotated_in_an_image_are_unknown_there(tiny):
    content = tiny.coco
    content["images"][0]["not_exhaustive_category_ids"] = [2]
    tiny.write_coco(content)
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert not faults
    assert images["a.png"][1].known.tolist() == [False, True]
    assert images["b.png"][1].known.tolist() == [True, True]
    content["images"][0]["not_exhaustive_category_ids"] = "2"
    tiny.write_coco(content)
    images, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert "not_exhaustive_category_ids of 'a.png' is '2', no list of category ids" in str(faults[0])
