import pytest

from mtzoo.data.convert import Options, recognise
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import VOC_XML, write_voc


def test_one_based_corners_and_difficult_objects(tmp_path):
    write_voc(tmp_path / "src")
    result = converted("voc", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("b.jpg", "vehicle", [10, 20, 20, 10], 0), ("b.jpg", "speedlimit", [39, 0, 25, 10], 1)]
    assert result.categories("val") == ["vehicle", "speedlimit"]


def test_categories_are_renamed(tmp_path):
    write_voc(tmp_path / "src")
    result = converted("voc", tmp_path / "src", tmp_path / "out", Options(rename={"speedlimit": "sign"}))
    assert result.categories() == ["vehicle", "sign"]
    with pytest.raises(UserError, match=r"has no category 'speedlimt', did you mean 'speedlimit'\?; it has car, speedlimit"):
        converted("voc", tmp_path / "src", tmp_path / "out2", Options(rename={"speedlimt": "sign"}))
    assert not (tmp_path / "out2").exists()


def test_entities_are_refused(tmp_path):
    write_voc(tmp_path / "src")
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>' + VOC_XML.format(name="a").replace("car", "&c;")
    write_text(tmp_path / "src" / "Annotations" / "a.xml", bomb)
    with pytest.raises(UserError, match=r"a.xml: declares a document type 'a'"):
        converted("voc", tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("<xmin>11</xmin>", "", r"a.xml: object\[0\]: no <bndbox/xmin> in <object>"),
    ("<xmin>11</xmin>", "<xmin>l1</xmin>", r"a.xml: object\[0\]: 'l1' is not a number"),
    ("<width>64</width>", "<width>640</width>", r"a.xml: size 640x48, but the image is 64x48"),
    ("</annotation>", "", r"a.xml: not XML"),
])
def test_a_bad_file_is_named(old, new, message, tmp_path):
    write_voc(tmp_path / "src")
    write_text(tmp_path / "src" / "Annotations" / "a.xml", VOC_XML.format(name="a").replace(old, new))
    with pytest.raises(UserError, match=message):
        converted("voc", tmp_path / "src", tmp_path / "out")


def test_every_annotation_needs_its_image(tmp_path):
    write_voc(tmp_path / "src")
    write_text(tmp_path / "src" / "Annotations" / "c.xml", VOC_XML.format(name="c"))
    with pytest.raises(UserError, match=r"c.xml: no image 'c'"):
        converted("voc", tmp_path / "src", tmp_path / "out")
    write_image(tmp_path / "src" / "JPEGImages" / "c.png")
    assert converted("voc", tmp_path / "src", tmp_path / "out").summary.images == {"train": 1, "val": 1}, "as ImageSets lists"


def test_corners_in_the_wrong_order_are_swapped_and_told(tmp_path):
    write_voc(tmp_path / "src")
    xml = VOC_XML.format(name="b").replace("<xmin>11</xmin>", "<xmin>30</xmin>").replace("<xmax>30</xmax>", "<xmax>11</xmax>")
    write_text(tmp_path / "src" / "Annotations" / "b.xml", xml.replace("<width>64</width><height>48</height>", ""))
    result = converted("voc", tmp_path / "src", tmp_path / "out")
    assert result.boxes()[0] == ("b.jpg", "vehicle", [10, 20, 20, 10], 0), "the same pixels, a missing size is not one of its"
    assert result.summary.whys("mended") == {"corners swapped": 1}


def test_boxes_outside_of_the_image_are_dropped_and_told(tmp_path):
    write_voc(tmp_path / "src")
    xml = VOC_XML.format(name="b").replace("<xmin>11</xmin>", "<xmin>111</xmin>").replace("<xmax>30</xmax>", "<xmax>130</xmax>")
    write_text(tmp_path / "src" / "Annotations" / "b.xml", xml.replace("<xmax>64</xmax>", "<xmax>90</xmax>"))
    write_image(tmp_path / "src" / "JPEGImages" / "nobody_looked.jpg")
    result = converted("voc", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("b.jpg", "speedlimit", [39, 0, 25, 10], 1)]
    assert result.summary.whys("dropped", "vehicle") == {"outside the image": 1}
    assert result.summary.whys("mended", "speedlimit") == {"clipped to the image": 1}
    assert result.summary.whys("dropped", "") == {"image without an XML": 1}


@pytest.mark.parametrize(("name", "classes"), [("car", "tasks"), ("cat", "own")])
def test_names_are_kept_by_themselves_where_none_is_a_task_s(name, classes, tmp_path):
    write_voc(tmp_path / "src")
    for path in (tmp_path / "src" / "Annotations").iterdir():
        path.write_text(path.read_text().replace("<name>car<", f"<name>{name}<"))
    summary = converted("voc", tmp_path / "src", tmp_path / "out", Options(classes="auto")).summary
    assert (summary.classes, summary.categories) == (classes, ["vehicle" if name == "car" else name, "speedlimit"])


def test_lists_may_name_images_with_spaces_and_more_than_once(tmp_path):
    for name in ("my car", "car 1", "car"):
        write_image(tmp_path / "src" / "JPEGImages" / f"{name}.jpg")
        write_text(tmp_path / "src" / "Annotations" / f"{name}.xml", VOC_XML.format(name=name))
    write_text(tmp_path / "src" / "ImageSets" / "Main" / "train.txt", "my car", "car  -1", "my car")  # -1: of one class's list
    write_text(tmp_path / "src" / "ImageSets" / "Main" / "val.txt", "car 1")
    result = converted("voc", tmp_path / "src", tmp_path / "out")
    assert [image["file_name"] for split in ("train", "val") for image in result.coco(split)["images"]] == [
        "car.jpg", "my car.jpg", "car 1.jpg"]
    write_text(tmp_path / "src" / "ImageSets" / "Main" / "val.txt", "your car")
    with pytest.raises(UserError, match=r"val.txt:1: 'your car' has no image with labels"):
        converted("voc", tmp_path / "src", tmp_path / "out2")


def test_xml_files_beside_the_images(tmp_path):
    for place in ("train/a", "train/b", "valid/a", "test/a"):
        write_image(tmp_path / "src" / f"{place}.jpg")
        write_text(tmp_path / "src" / f"{place}.xml", VOC_XML.format(name="a").replace("<annotation>", '<annotation verified="yes">'))
    write_image(tmp_path / "src" / "train" / "nobody_looked.jpg")
    assert [sighting.format for sighting in recognise(tmp_path / "src")] == ["voc"]
    result = converted("voc", tmp_path / "src", tmp_path / "out")
    assert result.boxes("val") == [("a.jpg", "vehicle", [10, 20, 20, 10], 0), ("a.jpg", "speedlimit", [39, 0, 25, 10], 1)]
    assert result.summary.images == {"train": 2, "val": 1}
    assert result.summary.whys("dropped") == {"in the test part, which is not read": 1, "image without an XML": 1}
