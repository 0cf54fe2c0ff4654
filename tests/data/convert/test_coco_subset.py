from mtzoo.data.convert import Options
from tests.data.convert.helpers import converted, write_image, write_json
from tests.data.convert.layouts import write_coco


def files(result) -> list[str]:
    return [image["file_name"] for image in result.coco()["images"]]


def test_images_of_other_things_only_are_left_out(tmp_path):
    write_coco(tmp_path / "src")
    result = converted("coco", tmp_path / "src", tmp_path / "out")
    assert files(result) == ["empty.jpg", "road.jpg"], "an image without any object is a negative and stays"
    assert result.boxes() == [("road.jpg", "vehicle", [4, 4, 20, 10], 0), ("road.jpg", "pizza", [4, 4, 2, 2], 0),
                              ("road.jpg", "person", [4, 4, 1, 10], 1)], "without an area: an ignore region, not background"
    assert result.categories() == ["traffic_light", "person", "vehicle", "pizza"]
    assert result.summary.foreign == 2
    assert "annotations[3] id=4: bbox [4, 4, 0, 10] has no area" in result.summary.lines[0]


def test_own_classes_keep_everything(tmp_path):
    write_coco(tmp_path / "src")
    result = converted("coco", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert files(result) == ["empty.jpg", "road.jpg", "table.jpg"]
    assert result.categories() == ["person", "car", "pizza", "traffic light"]


def test_a_renamed_category_is_wanted(tmp_path):
    write_coco(tmp_path / "src")
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
