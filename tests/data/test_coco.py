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
    ({"categories": {"car": "cars"}}, "is no class of the task; did you mean 'car'"),
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
    (["1", 2, 3, 4], "not \\[x, y"), (None, "not \\[x, y"),
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


@pytest.mark.parametrize(("name", "words"), [("../x.png", "leaves the images folder"), ("/etc/x.png", "leaves the images folder"),
                                             ("sub\\..\\..\\x.png", "leaves"), ("c:/x.png", "leaves"), ("b.png", "there twice")])
def test_file_names_stay_below_the_images_folder(tiny, name, words):
    content = tiny.coco
    content["images"][2]["file_name"] = name
    tiny.write_coco(content)
    _, faults = read_coco_boxes(tiny.boxes_source(), "det", CLASSES)
    assert words in faults[0].message
    assert faults[0].where == "images[2]"


@pytest.mark.parametrize(("key", "entry", "words"), [
    ("annotations", {"id": 9, "image_id": 77, "category_id": 1, "bbox": [1, 1, 2, 2]}, "image_id 77"),
    ("annotations", {"id": 9, "image_id": 0, "category_id": 77, "bbox": [1, 1, 2, 2]}, "category_id 77"),
    ("annotations", "nonsense", "no object"),
    ("images", {"id": 0, "file_name": "d.png", "width": 64, "height": 48}, "image id 0 is there twice"),
    ("images", {"id": 3, "file_name": "d.png"}, "needs 'width' and 'height'"),
    ("images", {"id": 3, "file_name": "", "width": 64, "height": 48}, "file_name is empty"),
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


@pytest.mark.parametrize(("text", "words"), [("{", "not JSON"), ("[]", "top level is no object"), ("{}", "no list 'images'"),
                                             ('{"images": [], "annotations": {}}', "no list 'annotations'"), ("\x00\xff", "not JSON")])
def test_files_that_are_not_coco(tiny, text, words):
    (tiny.root / "boxes.json").write_text(text)
    with pytest.raises(UserError, match=words):
        read_coco_boxes(tiny.boxes_source(), "det", CLASSES)


def test_a_missing_annotation_file(tiny):
    with pytest.raises(UserError, match="no such annotation file"):
        read_coco_boxes(tiny.boxes_source(annotations=str(tiny.root / "no.json")), "det", CLASSES)
