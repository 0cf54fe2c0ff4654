import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.affine import invert, map_boxes
from mtzoo.ops.geometry import PAD_VALUE, DeployGeometry, keep_ratio_hw, label_map_to_original, resize

DEPLOY = [  # original, resized, top rows dropped, input
    ((940, 1824), (470, 912), 22, (448, 960)),
    ((1080, 1920), (540, 960), 28, (512, 960)),
]


@pytest.mark.parametrize(("original", "resized"), [((720, 1280), (540, 960)), ((940, 1824), (540, 1048)),
                                                   ((1080, 1920), (540, 960)), ((1080, 2280), (540, 1140))])
def test_min_max_pairs(original, resized):
    assert keep_ratio_hw(original, (540, 1140)) == resized


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.integers(8, 3000), st.integers(8, 3000)))
def test_keep_ratio_fills_the_box_and_stays_inside(hw):
    resized = keep_ratio_hw(hw, (540, 1140))
    short, long = sorted(resized)
    assert short <= 540
    assert long <= 1140
    assert short == 540 or long == 1140
    scale = max(resized) / max(hw)
    assert abs(resized[0] - hw[0] * scale) <= 1 + scale
    assert abs(resized[1] - hw[1] * scale) <= 1 + scale


@pytest.mark.parametrize(("original", "resized", "drop", "input_hw"), DEPLOY)
def test_deploy_rows(original, resized, drop, input_hw):
    geometry = DeployGeometry(resized_hw=resized, drop_top=drop, input_hw=input_hw)
    assert geometry.scale(original) == 0.5
    image = np.full((*original, 3), 7, np.uint8)
    image[:2 * drop] = 200  # exactly what is dropped
    shown = geometry.apply(image)
    assert shown.shape == (*input_hw, 3)
    rows, columns = resized[0] - drop, resized[1]
    assert (shown[:rows, :columns] == 7).all()
    assert (shown[rows:] == PAD_VALUE).all()
    assert (shown[:, columns:] == PAD_VALUE).all()
    corners = map_boxes(geometry.affine(original), np.array([[0, 2 * drop, original[1], original[0]]]))
    np.testing.assert_array_equal(corners, [[0, 0, columns, rows]])


def test_an_input_that_is_no_multiple_of_the_stride_names_the_padded_size():
    with pytest.raises(UserError, match=r"input_hw=\(512, 1140\): width 1140 is not a multiple.* 32; pad to 1152"):
        DeployGeometry(resized_hw=(540, 1140), drop_top=28, input_hw=(512, 1140))
    assert DeployGeometry(resized_hw=(540, 1140), drop_top=28, input_hw=(512, 1152)).scale((1080, 2280)) == 0.5


@pytest.mark.parametrize(("resized", "drop"), [((540, 960), 0), ((540, 992), 28), ((540, 960), -1), ((540, 960), 540)])
def test_what_does_not_fit_is_told(resized, drop):
    with pytest.raises(UserError, match=r"resized_hw=.*drop_top=.*input_hw"):
        DeployGeometry(resized_hw=resized, drop_top=drop, input_hw=(512, 960))


def test_an_original_of_another_aspect_is_fitted_and_padded():
    geometry = DeployGeometry(resized_hw=(64, 96), drop_top=0, input_hw=(64, 96))
    shown = geometry.apply(np.zeros((128, 128, 3), np.uint8))  # square into 64x64
    assert (shown[:, :64] == 0).all()
    assert (shown[:, 64:] == PAD_VALUE).all()


geometries = st.builds(lambda h, w, drop, pad_h, pad_w: DeployGeometry((h, w), drop, (-(-(h - drop) // 32) * 32 + 32 * pad_h,
                                                                                      -(-w // 32) * 32 + 32 * pad_w)),
                       st.integers(40, 120), st.integers(40, 120), st.integers(0, 20), st.integers(0, 1), st.integers(0, 1))


@settings(max_examples=40, deadline=None)
@given(geometries, st.tuples(st.integers(30, 300), st.integers(30, 300)), st.integers(0, 2**31))
def test_boxes_there_and_back(geometry, original, seed):
    corners = np.random.default_rng(seed).uniform(0, 1, (5, 2, 2)) * original[::-1]
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)
    to_input = geometry.affine(original)
    np.testing.assert_allclose(map_boxes(invert(to_input), map_boxes(to_input, boxes)), boxes, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(geometries, st.tuples(st.integers(60, 300), st.integers(60, 300)), st.sampled_from([1, 2, 4]), st.integers(0, 2**31))
def test_label_map_comes_back_within_one_cell(geometry, original, stride, seed):
    """A labelled half-plane, shown to the input and read back from a label map, is where it was: within one of its cells."""
    rng = np.random.default_rng(seed)
    edge = int(rng.integers(original[1] // 4, 3 * original[1] // 4))
    mask = np.zeros(original, np.uint8)
    mask[:, edge:] = 1
    shown = geometry.apply(mask, is_mask=True, fill=2)
    label_map = shown[stride // 2::stride, stride // 2::stride]
    back = label_map_to_original(label_map, stride, geometry.affine(original), original, fill=9)
    dropped = geometry.drop_top / geometry.scale(original)
    seen = back[int(np.ceil(dropped)) + 1:original[0] - int(np.ceil(stride / geometry.scale(original)))]
    assert (back[:max(int(dropped) - 1, 0)] == 9).all()
    cell = stride / geometry.scale(original) + 1
    for row in seen:
        assert abs(np.count_nonzero(row == 0) - edge) <= cell


def test_identity_geometry_gives_the_label_map_itself():
    labels = np.random.default_rng(0).integers(0, 12, (64, 96), dtype=np.uint8)
    geometry = DeployGeometry((64, 96), 0, (64, 96))
    np.testing.assert_array_equal(label_map_to_original(labels, 1, geometry.affine((64, 96)), (64, 96)), labels)
    coarse = labels[::2, ::2]
    np.testing.assert_array_equal(label_map_to_original(coarse, 2, geometry.affine((64, 96)), (64, 96)),
                                  coarse.repeat(2, 0).repeat(2, 1))


def test_resize_averages_images_and_never_mixes_labels():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, (32, 32)) == 100).all()
    mask = np.zeros((64, 64), np.uint8)
    mask[:, ::2] = 200
    assert set(np.unique(resize(mask, (31, 33), is_mask=True))) <= {0, 200}
    assert resize(stripes, (64, 64)) is stripes
