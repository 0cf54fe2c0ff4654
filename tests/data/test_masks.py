import pytest

from mtzoo.data.images import UNMAPPED
from mtzoo.data.masks import label_table, read_mask_folder
from mtzoo.data.sources import MaskFolder
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

CLASSES = ("road", "sky", "tree")


def test_identity_by_default(tiny):
    table = label_table(tiny.masks_source(), "seg", CLASSES)
    assert table[:3].tolist() == [0, 1, 2]
    assert table[255] == IGNORE
    assert (table[3:255] == UNMAPPED).all()


def test_label_map_and_ignore_value(tiny):
    table = label_table(tiny.masks_source(label_map={7: 2, 8: 255}, ignore_value=0), "seg", CLASSES)
    assert [int(table[v]) for v in (7, 8, 0, 1)] == [2, IGNORE, IGNORE, UNMAPPED]


@pytest.mark.parametrize("label_map", [{0: 3}, {300: 1}, {1: -1}])
def test_a_bad_label_map_names_its_entry(tiny, label_map):
    with pytest.raises(UserError, match=r"label_map\["):
        label_table(tiny.masks_source(label_map=label_map), "seg", CLASSES)


def test_pairs_by_stem_and_by_suffix_in_subfolders(tmp_path):
    for file in ("images/u/1_leftImg8bit.png", "images/u/2_leftImg8bit.png", "images/u/other.txt", "masks/u/1_ids.png",
                 "masks/u/1_color.png"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    source = MaskFolder(str(tmp_path / "images"), str(tmp_path / "masks"), "city",
                        image_suffix="_leftImg8bit.png", mask_suffix="_ids.png")
    pairs, faults = read_mask_folder(source, "seg", CLASSES)
    assert not faults
    assert {k: v.path for k, v in pairs.items()} == {"u/1_leftImg8bit.png": tmp_path / "masks/u/1_ids.png"}


def test_a_mask_without_image_and_twins_are_faults(tiny):
    (tiny.root / "images" / "a.jpg").touch()
    (tiny.root / "images" / "d.png").unlink()
    pairs, faults = read_mask_folder(tiny.masks_source(), "seg", CLASSES)
    assert sorted(pairs) == ["a.jpg", "b.png", "c.png"]
    assert ["same stem" in f.message for f in faults] == [True, False]
    assert "no image 'd'" in faults[1].message


def test_a_missing_folder(tiny):
    with pytest.raises(UserError, match="source 'tiny': no folder"):
        read_mask_folder(tiny.masks_source(masks=str(tiny.root / "no")), "seg", CLASSES)


@pytest.mark.parametrize("ending", [".tif", ".jpg", ".BMP"])
def test_a_mask_that_is_no_png_is_told(tiny, ending):
    (tiny.root / "masks" / "b.png").rename(tiny.root / "masks" / f"b{ending}")
    pairs, (fault,) = read_mask_folder(tiny.masks_source(), "seg", CLASSES)
    assert sorted(pairs) == ["a.png", "c.png", "d.png"]
    assert str(fault) == (f"{tiny.root}/masks/b{ending}: masks must be PNG files, other formats change the values or are not read; "
                          "save it as PNG")


def test_pictures_beside_the_masks_are_nobodys_business(tiny):
    for name in ("a.jpg", "overview.tif"):
        (tiny.root / "masks" / name).touch()
    assert read_mask_folder(tiny.masks_source(), "seg", CLASSES)[1] == []


def test_an_image_of_a_kind_that_is_not_read_is_named(tiny):
    (tiny.root / "images" / "b.png").rename(tiny.root / "images" / "b.tif")
    _, (fault,) = read_mask_folder(tiny.masks_source(), "seg", CLASSES)
    assert str(fault).endswith(f"its image {tiny.root}/images/b.tif is of a kind that is not read; save the image as PNG or JPEG")
