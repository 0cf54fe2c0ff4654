"""What a conversion counts and tells, whatever the format."""

import shutil

import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import KITTI_ROWS, write_camvid32, write_kitti


def test_pixels_are_counted_by_class(tmp_path):
    write_camvid32(tmp_path / "src")
    summary = converted("camvid", tmp_path / "src", tmp_path / "out").summary
    seg = summary.pixels["seg"]
    names = summary.mask_classes["seg"]
    assert seg.images == 3
    assert seg.showing[names.index("traffic_light")] == 3
    assert seg.share(names.index("traffic_light")) == pytest.approx(40 / (48 * 64))
    assert not seg.counts[names.index("fence")]
    assert summary.whys("dropped") == {"image without a mask": 1}


def test_images_of_a_kind_that_is_not_read_are_told(tmp_path):
    write_kitti(tmp_path / "src")
    (tmp_path / "src" / "training" / "image_2" / "000009.TIF").write_bytes(b"II*")
    summary = converted("kitti", tmp_path / "src", tmp_path / "out").summary
    assert summary.images == {"train": 2, "val": 1}
    assert summary.whys("dropped") == {".tif images, which are not read": 1}
    assert summary.lines[0].endswith("000009.TIF: not read; save it as PNG or JPEG")


def test_too_few_images_are_told_with_the_reason(tmp_path):
    for number in range(3):
        (tmp_path / "src" / "image_2").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "image_2" / f"{number}.tiff").write_bytes(b"II*")
    write_image(tmp_path / "src" / "image_2" / "8.png")
    write_text(tmp_path / "src" / "label_2" / "8.txt", KITTI_ROWS[0])
    with pytest.raises(UserError, match=r"src: 1 labelled images found; .*; 3 dropped: .tiff images, which are not read; first: "):
        converted("kitti", tmp_path / "src", tmp_path / "out")


def test_a_set_without_one_label_is_refused_with_the_reasons(tmp_path):
    write_kitti(tmp_path / "src")
    for path in (tmp_path / "src" / "training" / "label_2").iterdir():
        write_text(path, KITTI_ROWS[0].replace("10.00 8.00 40.00 28.00", "100 8 140 28"))
    with pytest.raises(UserError, match=r"nothing to convert: 3 images, not one label in them; 3 dropped: outside the image; first: "):
        converted("kitti", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_dont_care_regions_are_ignored_under_own_names_too(tmp_path):
    write_kitti(tmp_path / "src")
    summary = converted("kitti", tmp_path / "src", tmp_path / "out", Options(classes="own")).summary
    assert summary.ignored["ignore"] == 3
    assert "DontCare" not in summary.categories


def test_whole_folders_are_split_off(tmp_path):
    for folder, count in (("day1", 5), ("day2", 3), ("day3", 1)):
        for k in range(count):
            write_image(tmp_path / "src" / folder / f"{k}.jpg")
            write_text(tmp_path / "src" / folder / f"{k}.txt", "cone 0 0 0 1 2 10 12 0 0 0 0 0 0 0")
    by_folder = Options(classes="own", val_share=0.4, split_by="folder")
    result = converted("kitti", tmp_path / "src", tmp_path / "out", by_folder)
    assert result.summary.images == {"train": 5, "val": 4}
    assert {image["file_name"].split("/")[0] for image in result.coco("val")["images"]} == {"day2", "day3"}
    for folder in ("day1", "day2"):
        shutil.rmtree(tmp_path / "src" / folder)
    for k in (1, 2):
        write_image(tmp_path / "src" / "day3" / f"{k}.jpg")
        write_text(tmp_path / "src" / "day3" / f"{k}.txt", "cone 0 0 0 1 2 10 12 0 0 0 0 0 0 0")
    with pytest.raises(UserError, match=r"all 3 labelled images lie in .*day3; take --split-by name"):
        converted("kitti", tmp_path / "src", tmp_path / "out", by_folder)
