import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, converted, write_image, write_mask, write_text
from tests.data.convert.layouts import write_masks


def test_masks_of_0_and_255_are_resized_and_what_is_no_object_is_unknown(tmp_path):
    write_masks(tmp_path / "src")
    result = converted("masks", tmp_path / "src", tmp_path / "out", Options(rename={"foreground": "person"}))
    mask = result.mask("seg", "a")
    assert mask.shape == HW
    assert set(np.unique(mask[:24])) == {result.summary.mask_classes["seg"].index("person")}
    assert set(np.unique(mask[24:])) == {255}
    assert result.summary.whys("mended") == {"mask resized to its image": 2}


def test_own_names_have_a_background(tmp_path):
    write_masks(tmp_path / "src")
    result = converted("masks", tmp_path / "src", tmp_path / "out", Options(classes="auto"))
    assert (result.summary.classes, result.summary.mask_classes) == ("own", {"seg": ["background", "foreground"]})
    assert np.unique(result.mask("seg", "a")[24:]).tolist() == [0]


def test_names_come_from_a_yaml_and_ids_are_made_dense(tmp_path):
    mask = np.full(HW, 200, np.uint8)
    mask[:10], mask[10:20] = 0, 149
    for name in "ab":
        write_image(tmp_path / "src" / "photos" / f"{name}.jpg")
        write_mask(tmp_path / "src" / "semantic" / "masks" / f"{name}.png", mask)
    write_text(tmp_path / "src" / "semantic" / "config.yaml", "classes: {0: unlabeled, 149: road, 150: sand, 200: tree-merged}")
    own = converted("masks", tmp_path / "src", tmp_path / "own", Options(classes="own"))
    assert own.summary.mask_classes == {"seg": ["road", "tree-merged"]}
    assert own.mask("seg", "a")[[0, 10, 30], 0].tolist() == [255, 0, 1]
    tasks = converted("masks", tmp_path / "src", tmp_path / "tasks").summary
    assert [name for k, name in enumerate(tasks.mask_classes["seg"]) if tasks.pixels["seg"].counts[k]] == ["road", "vegetation"]
    write_text(tmp_path / "src" / "semantic" / "config.yaml", "names: [a, b]")
    with pytest.raises(UserError, match=r"mask values 149, 200 have no name"):
        converted("masks", tmp_path / "src", tmp_path / "out")


def test_a_mask_of_another_view_is_refused(tmp_path):
    write_masks(tmp_path / "src")
    write_mask(tmp_path / "src" / "ground_truth" / "a.png", np.full((24, 24), 255, np.uint8))
    with pytest.raises(UserError, match=r"a.png: the mask is 24x24, its image 64x48; their aspects differ"):
        converted("masks", tmp_path / "src", tmp_path / "out")


def test_a_mask_with_colours_is_left_out_and_the_others_read(tmp_path):
    for name in "abc":
        write_image(tmp_path / "src" / "images" / f"{name}.png")
        write_mask(tmp_path / "src" / "masks" / f"{name}.png", np.eye(*HW, dtype=np.uint8))
    write_mask(tmp_path / "src" / "masks" / "a.png", np.zeros((*HW, 3), np.uint8))
    result = converted("masks", tmp_path / "src", tmp_path / "out", Options(classes="own", max_bad_images=0.5))
    assert result.summary.images == {"train": 1, "val": 1}
    assert "a.png: the mask has several channels" in result.summary.firsts["dropped"]
