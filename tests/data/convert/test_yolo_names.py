from pathlib import Path

import pytest

from mtzoo.data.convert import FORMATS, Options, Places, convert
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text


def write_two_labellings(src):
    """Boxes with a YAML beside them, and polygons without one, of the same images."""
    for name in "ab":
        write_image(src / "images" / f"{name}.jpg")
        write_text(src / "boxes" / "labels" / f"{name}.txt", "0 0.5 0.5 0.25 0.5")
        write_text(src / "outlines" / "labels" / f"{name}.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5")
    write_text(src / "boxes" / "set.yaml", "names: [car]")


@pytest.mark.parametrize("labels", ["outlines", "outlines/labels"])
def test_class_names_of_another_labelling_are_not_taken(labels, tmp_path):
    src, form = tmp_path / "src", FORMATS["yolo"]
    write_two_labellings(src)
    assert converted("yolo", src, tmp_path / "boxes").summary.objects == {"vehicle": 2}
    with pytest.raises(UserError) as told:
        convert(form, Places(src, labels=Path(labels)), tmp_path / "out", Options())
    assert "no data.yaml or classes.txt lies in outlines/labels or above it" in str(told.value)
    assert f"if they are those of boxes/set.yaml, say so: --annotations {src / 'boxes' / 'set.yaml'}; else put a" in str(told.value)
    given = Places(src, annotations=src / "boxes" / "set.yaml", labels=Path(labels))
    assert convert(form, given, tmp_path / "given", Options()).objects == {"vehicle": 2}
    write_text(src / "outlines" / "classes.txt", "boat")
    assert convert(form, Places(src, labels=Path(labels)), tmp_path / "own", Options(classes="own")).objects == {"boat": 2}
    write_text(src / "outlines" / "own.yaml", "names: [person]")
    assert convert(form, Places(src, labels=Path(labels)), tmp_path / "yaml", Options()).objects == {"person": 2}


def test_a_yaml_or_list_elsewhere_is_not_taken_unless_it_says_where_the_images_are(tmp_path):
    src = tmp_path / "src"
    for name in "ab":
        write_image(src / "images" / f"{name}.jpg")
        write_text(src / "labels" / f"{name}.txt", "0 0.5 0.5 0.25 0.5")
    for other in (("other/set.yaml", "names: [car]"), ("other/classes.txt", "car")):
        file = write_text(src / other[0], other[1])
        with pytest.raises(UserError, match=f"if they are those of {other[0]}, say so: --annotations {file}"):
            converted("yolo", src, tmp_path / "out")
        assert convert(FORMATS["yolo"], Places(src, annotations=file), tmp_path / file.name, Options()).objects == {"vehicle": 2}
        file.unlink()
    write_text(src / "configs" / "set.yaml", "path: ..", "train: ../images", "names: [car]")
    with pytest.raises(UserError, match="say so: --annotations"):  # "images" is stale: it could be any
        converted("yolo", src, tmp_path / "out")


def test_lists_of_classes_that_differ_are_a_choice_for_the_user(tmp_path):
    for name, classes in (("a", "car"), ("b", "boat")):
        write_image(tmp_path / "src" / "images" / name / f"{name}.jpg")
        write_text(tmp_path / "src" / "labels" / name / f"{name}.txt", "0 0.5 0.5 0.25 0.5")
        write_text(tmp_path / "src" / "labels" / name / "classes.txt", classes)
    with pytest.raises(UserError, match=r"a/classes.txt and .*b/classes.txt name different classes; name one of them: --annotations"):
        converted("yolo", tmp_path / "src", tmp_path / "out")
    write_text(tmp_path / "src" / "labels" / "b" / "classes.txt", "car")
    assert converted("yolo", tmp_path / "src", tmp_path / "out").summary.objects == {"vehicle": 2}


@pytest.mark.parametrize(("file", "lines"), [
    ("classes.txt", ("person", "", "car", "")), ("data.yaml", ("train: images", "names: [person, null, car]"))])
def test_an_id_may_have_no_name(file, lines, tmp_path):
    for name in "ab":
        write_image(tmp_path / "src" / "images" / f"{name}.jpg")
        write_text(tmp_path / "src" / "labels" / f"{name}.txt", "2 0.5 0.5 0.25 0.5")
    write_text(tmp_path / "src" / file, *lines)
    assert converted("yolo", tmp_path / "src", tmp_path / "out").boxes() == [("a.jpg", "vehicle", [24, 12, 16, 24], 0)]
    write_text(tmp_path / "src" / "labels" / "a.txt", "1 0.5 0.5 0.25 0.5")
    with pytest.raises(UserError, match=r"a.txt:1: class '1'; the set has classes 0..2"):
        converted("yolo", tmp_path / "src", tmp_path / "out2")
