import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.ops import affine
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.ops.label_maps import SmallLabelMap, label_map_cells, label_map_to_original


def by_warping(label_map, map_stride, to_input, original_hw, fill):
    """The reference: OpenCV looks up each pixel."""
    to_map = affine.compose(affine.scale_shift(1 / map_stride, 1 / map_stride), to_input)
    return cv2.warpAffine(label_map, affine.pixel_center_matrix(to_map), original_hw[::-1],
                          flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)


@st.composite
def views(draw):
    hw = draw(st.integers(3, 300)), draw(st.integers(3, 300))
    input_hw = draw(st.integers(1, 8)) * 32, draw(st.integers(1, 8)) * 32
    if draw(st.booleans()):
        return DeployGeometry(input_hw, window=CropWindow((hw[1] / 2, hw[0] / 3), hw)).view(hw)
    dropped = draw(st.integers(0, 40))
    return DeployGeometry(input_hw, (input_hw[0] + dropped, input_hw[1]), dropped).view(hw)


@given(views(), st.sampled_from([1, 2, 4, 8]), st.sampled_from([0, 255]), st.integers(0, 2**32 - 1))
def test_enlarged_as_opencv_looks_pixels_up(view, stride, fill, seed):
    labels = np.random.default_rng(seed).integers(0, 255, tuple(side // stride for side in view.input_hw), dtype=np.uint8)
    wanted = by_warping(labels, stride, view.affine, view.original_hw, fill)
    found = label_map_to_original(labels, stride, view.affine, view.original_hw, fill)
    np.testing.assert_array_equal(found, wanted)
    cells = label_map_cells(labels.shape, stride, view.affine, view.original_hw)
    np.testing.assert_array_equal(np.where(cells < 0, fill, labels.ravel()[cells]), wanted)


def test_a_mirrored_map_and_one_of_more_than_255_cells():
    labels = np.random.default_rng(0).integers(0, 255, (4, 700), dtype=np.uint8)
    mirror = affine.scale_shift(-0.5, 1.0, 700.0)
    np.testing.assert_array_equal(label_map_to_original(labels, 1, mirror, (4, 1400), 9), by_warping(labels, 1, mirror, (4, 1400), 9))


def test_a_turned_map_is_refused():
    with pytest.raises(ValueError, match="rotation"):
        label_map_to_original(np.zeros((4, 4), np.uint8), 1, np.array([[1, 0.1, 0], [-0.1, 1, 0]]), (4, 4))


def test_a_small_map_is_what_it_is_enlarged_to():
    view = DeployGeometry((64, 96), (72, 96), 8).view((144, 192))
    labels = np.arange(16 * 24, dtype=np.uint8).reshape(16, 24)
    found = SmallLabelMap(labels, 4, view.affine, (144, 192)).enlarged()
    assert (found[:16] == 0).all(), "dropped rows"
    np.testing.assert_array_equal(found[16:], labels.repeat(8, axis=0).repeat(8, axis=1))
