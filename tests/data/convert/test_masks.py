import numpy as np
import pytest

from mtzoo.data.convert import FORMATS, Options, Places, convert
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


def write_numbered(src, *tops):
    """Images whose masks hold 0..top, each in rows of its own."""
    for number, top in enumerate(tops):
        write_image(src / "images" / f"{number}.jpg")
        write_mask(src / "masks" / f"{number}.png", np.minimum(np.indices(HW)[0] // 4, top).astype(np.uint8))


def test_masks_of_instances_are_told_with_what_to_type(tmp_path):
    write_numbered(tmp_path / "src", 3, 1, 2)
    told = converted("masks", tmp_path / "src", tmp_path / "out", Options(classes="own")).summary.notes
    assert len(told) == 1
    assert told[0].startswith("these look like masks of instances: each holds the values 1..N without a gap, N up to 3")
    assert told[0].endswith("--rename class_0=background class_1=NAME class_2=NAME class_3=NAME")
    people = {"class_0": "background", **{f"class_{number}": "person" for number in (1, 2, 3)}}
    result = converted("masks", tmp_path / "src", tmp_path / "people", Options(classes="own", rename=people))
    assert result.summary.mask_classes == {"seg": ["background", "person"]}
    assert result.mask("seg", "0")[[0, 5, 40], 0].tolist() == [0, 1, 1]


@pytest.mark.parametrize("tops", [(3, 3, 3), (2, 1, 2)])
def test_masks_of_classes_are_not_taken_for_instances(tops, tmp_path):
    write_numbered(tmp_path / "src", *tops)
    assert converted("masks", tmp_path / "src", tmp_path / "out", Options(classes="own")).summary.notes == []
    write_text(tmp_path / "src" / "classes.txt", "sky", "road", "car", "tree")
    assert converted("masks", tmp_path / "src", tmp_path / "named", Options(classes="own")).summary.notes == []


def test_names_of_label_files_are_not_those_of_masks_unless_the_user_says_so(tmp_path):
    write_numbered(tmp_path / "src", 1, 1, 1)
    write_text(tmp_path / "src" / "data.yaml", "train: images", "names: [cat, dog]")
    write_text(tmp_path / "src" / "labels" / "0.txt", "0 0.5 0.5 0.1 0.1")
    result = converted("masks", tmp_path / "src", tmp_path / "out", Options(classes="own")).summary
    assert result.mask_classes == {"seg": ["class_0", "class_1"]}
    file = tmp_path / "src" / "data.yaml"
    assert result.notes == [f"{file} names the classes of the label files beside it; if the masks have the same: --annotations {file}"]
    summary = convert(FORMATS["masks"], Places(tmp_path / "src", annotations=file), tmp_path / "given", Options(classes="own"))
    assert (summary.mask_classes, summary.notes) == ({"seg": ["cat", "dog"]}, [])
    write_text(tmp_path / "src" / "masks" / "classes.txt", "sky", "road")  # nearer to the masks
    result = converted("masks", tmp_path / "src", tmp_path / "own", Options(classes="own")).summary
    assert (result.mask_classes, result.notes) == ({"seg": ["sky", "road"]}, [])


@pytest.mark.parametrize(("file", "lines"), [
    ("classes.txt", ("sky", "", "road")), ("set.yaml", ("names: [sky, null, road]",)),
    ("label_colors.txt", ("64 128 64\tsky", "", "0 0 192\troad")),
    ("label_colors.txt", ("sky 64 128 64", "", "road 0, 0, 192"))])
def test_a_list_names_values_by_its_lines(file, lines, tmp_path):
    write_numbered(tmp_path / "src", 2, 2)
    write_text(tmp_path / "src" / file, *lines)
    with pytest.raises(UserError, match="mask values 1 have no name"):
        converted("masks", tmp_path / "src", tmp_path / "out")
    for path in (tmp_path / "src" / "masks").iterdir():
        write_mask(path, 2 * (np.indices(HW)[0] > 9).astype(np.uint8))
    own = converted("masks", tmp_path / "src", tmp_path / "own", Options(classes="own"))
    assert own.summary.mask_classes == {"seg": ["sky", "road"]}
    assert own.mask("seg", "0")[[0, 40], 0].tolist() == [0, 1]
