import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_json

PARTS = ("bumper", "glass", "light", "wheel")


def write_parts(root, **boxes_of_image):
    """A COCO file of car parts, anywhere: {image: {part: [x, y, w, h]}}."""
    images, annotations = [], []
    for number, (name, boxes) in enumerate(boxes_of_image.items()):
        write_image(root / "photos" / f"{name}.jpg")
        images.append({"id": number, "file_name": f"{name}.jpg", "width": 64, "height": 48})
        annotations += [{"id": 10 * number + PARTS.index(part), "image_id": number, "category_id": PARTS.index(part), "bbox": box}
                        for part, box in boxes.items()]
    categories = [{"id": k, "name": name} for k, name in enumerate(PARTS)]
    write_json(root / "labels" / "parts.json", {"images": images, "annotations": annotations, "categories": categories})
    return root


def test_a_union_is_one_box_and_half_of_it_an_ignore_region(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10], "light": [8, 15, 4, 4], "wheel": [0, 40, 5, 5]},
                      b={"glass": [12, 4, 10, 8], "wheel": [1, 40, 5, 5]}, c={"wheel": [2, 40, 5, 5]})
    options = Options(classes="own", union={"rear": ("bumper", "glass", "light")}, val_share=0.34)
    result = converted("coco", src, tmp_path / "out", options)
    assert result.categories() == ["rear", "wheel"]
    assert result.boxes() == [("a.jpg", "wheel", [0, 40, 5, 5], 0), ("a.jpg", "rear", [8, 15, 22, 15], 0),
                              ("b.jpg", "wheel", [1, 40, 5, 5], 0), ("b.jpg", "rear", [12, 4, 10, 8], 1)]
    tasks = converted("coco", src, tmp_path / "tasks", Options(union=options.union, classes="auto", val_share=0.67))
    assert tasks.categories() == ["vehicle_rear", "wheel"]
    assert tasks.summary.foreign == 1, "an image of a wheel alone"


def test_all_names_that_are_not_there_are_told_at_once(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10]}, b={"glass": [12, 4, 10, 8]})
    with pytest.raises(UserError, match=r"has no category 'weel', did you mean 'wheel'\?, 'glas', .*; it has bumper, glass, light, .*"):
        converted("coco", src, tmp_path / "out", Options(rename={"weel": "ignore"}, union={"rear": ("glas", "light")}))


def test_own_names_are_kept_where_none_is_a_task_s(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10], "glass": [1, 1, 9, 9]}, b={"glass": [12, 4, 10, 8]})
    assert converted("coco", src, tmp_path / "out", Options(classes="auto")).summary.classes == "own"
    assert converted("coco", src, tmp_path / "tasks", Options(classes="auto", rename={"glass": "sign"})).summary.classes == "tasks"
