"""tools/object_cutouts.py: which regions of masks become cut-outs, and which of them is shown at a height."""

import cv2
import numpy as np
import pytest

from mtzoo.errors import UserError

ROAD, PERSON = 3, 9


@pytest.fixture
def tool(load_tool):
    return load_tool("object_cutouts")


def write(folder, name, picture, mask):
    for part, image in (("pictures", picture), ("masks", mask)):
        (folder / part).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / part / f"{name}.png"), image)


@pytest.fixture
def street(tmp_path):
    """Two persons of one value on a road; a group that is too wide, one at the border, and a thin outline are none."""
    mask = np.full((120, 300), ROAD, np.uint8)
    mask[10:60, 10:30] = mask[20:110, 50:80] = PERSON
    mask[10:60, 100:150] = mask[60:120, 160:180] = PERSON
    cv2.rectangle(mask, (200, 10), (230, 100), PERSON, 1)
    write(tmp_path, "a", np.repeat(mask[..., None], 3, 2), mask)
    return tmp_path


def test_connected_regions_of_a_value_are_objects(tool, street):
    found = tool.read_cutouts(street / "pictures", street / "masks", str(PERSON))
    assert sorted(cutout.mask.shape for cutout in found) == [(50, 20), (90, 30)]
    assert all((cutout.image == PERSON).all() and (cutout.mask == 255).all() for cutout in found)


def test_a_mask_of_another_size_is_resized(tool, tmp_path):
    mask = np.zeros((50, 50), np.uint8)
    mask[10:40, 20:30] = 255
    write(tmp_path, "a", np.zeros((100, 100, 3), np.uint8), mask)
    (cutout,) = tool.read_cutouts(tmp_path / "pictures", tmp_path / "masks", "255")
    assert cutout.mask.shape == (60, 20)


def test_a_mask_of_another_view_is_a_mistake(tool, tmp_path):
    write(tmp_path, "a", np.zeros((100, 100, 3), np.uint8), np.ones((100, 130), np.uint8))
    with pytest.raises(UserError, match=r"a\.png: has \(100, 130\) pixels, .*a\.png \(100, 100\)"):
        tool.read_cutouts(tmp_path / "pictures", tmp_path / "masks", "each")


def test_small_cutouts_are_not_shown_large(tool):
    small, large = (tool.Cutout(np.zeros((height, 20, 3), np.uint8), np.zeros((height, 20), np.uint8)) for height in (40, 100))
    rng = np.random.default_rng(0)
    drawn = {height: {tool.one_of([small, large], height, rng).image.shape[0] for _ in range(30)} for height in (30, 50, 51, 200)}
    assert drawn == {30: {40, 100}, 50: {40, 100}, 51: {100}, 200: {100}}
