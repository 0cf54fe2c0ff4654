import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_json
from tests.data.convert.layouts import write_coco, write_masks

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
    assert sum(tasks.summary.images.values()) == 3, "an image of a wheel alone shows no rear"


def test_all_names_that_are_not_there_are_told_at_once(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10]}, b={"glass": [12, 4, 10, 8]})
    with pytest.raises(UserError, match=r"has no category 'weel', did you mean 'wheel'\?, 'glas', .*; it has bumper, glass, light, .*"):
        converted("coco", src, tmp_path / "out", Options(rename={"weel": "ignore"}, union={"rear": ("glas", "light")}))


def test_a_name_like_none_of_the_set_s_is_told_with_those_once(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10]}, b={"glass": [12, 4, 10, 8]})
    with pytest.raises(UserError, match=r"has no category 'nosuch'; it has bumper, glass, light, \w+$") as caught:
        converted("coco", src, tmp_path / "out", Options(rename={"nosuch": "ignore"}))
    assert str(caught.value).count("bumper") == 1


def test_own_names_are_kept_where_none_is_a_task_s(tmp_path):
    src = write_parts(tmp_path / "src", a={"bumper": [10, 20, 20, 10], "glass": [1, 1, 9, 9]}, b={"glass": [12, 4, 10, 8]})
    assert converted("coco", src, tmp_path / "out", Options(classes="auto")).summary.classes == "own"
    assert converted("coco", src, tmp_path / "tasks", Options(classes="auto", rename={"glass": "sign"})).summary.classes == "tasks"


@pytest.mark.parametrize(("new", "nearest"), [("sing", "sign"), ("vehicles", "vehicle"), ("pedestrian", "person")])
@pytest.mark.parametrize("classes", ["auto", "tasks"])
def test_a_slip_in_a_new_name_is_told_with_the_nearest_class(classes, new, nearest, tmp_path):
    write_coco(tmp_path / "src")
    with pytest.raises(UserError, match=f"--rename pizza={new}: '{new}' is no class of the six tasks; did you mean '{nearest}'"):
        converted("coco", tmp_path / "src", tmp_path / "out", Options(classes, rename={"pizza": new}))
    own = converted("coco", tmp_path / "src", tmp_path / "own", Options("own", rename={"pizza": new}))
    assert new in own.categories()


def test_a_new_name_of_the_user_s_own_is_kept_for_boxes_and_refused_for_masks_of_the_tasks(tmp_path):
    write_coco(tmp_path / "src")
    boxes = converted("coco", tmp_path / "src", tmp_path / "boxes", Options(rename={"pizza": "food"}))
    assert "food" in boxes.categories()
    write_masks(tmp_path / "masks")
    with pytest.raises(UserError, match="--rename foreground=food: 'food' is no class of the masks; known: building, "):
        converted("masks", tmp_path / "masks", tmp_path / "out", Options(rename={"foreground": "food"}))
