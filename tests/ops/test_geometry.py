import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.affine import invert, map_boxes
from mtzoo.ops.geometry import PAD_VALUE, CropWindow, DeployGeometry, keep_ratio_hw, resize
from mtzoo.ops.label_maps import label_map_to_original

DEPLOY = [  # original, resized, top rows dropped, input
    ((940, 1824), (470, 912), 22, (448, 960)),
    ((1080, 1920), (540, 960), 28, (512, 960)),
    ((1080, 2280), (540, 1140), 28, (512, 1152)),  # 1140 columns are no multiple of 32
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
    assert geometry.view(original).scale == 0.5
    image = np.full((*original, 3), 7, np.uint8)
    image[:2 * drop] = 200  # exactly what is dropped
    shown = geometry.view(original).show(image)
    assert shown.shape == (*input_hw, 3)
    rows, columns = resized[0] - drop, resized[1]
    assert (shown[:rows, :columns] == 7).all()
    assert (shown[rows:] == PAD_VALUE).all()
    assert (shown[:, columns:] == PAD_VALUE).all()
    corners = map_boxes(geometry.view(original).affine, np.array([[0, 2 * drop, original[1], original[0]]]))
    np.testing.assert_array_equal(corners, [[0, 0, columns, rows]])


def test_an_input_that_is_no_multiple_of_the_stride_names_the_padded_size():
    with pytest.raises(UserError, match=r"input_hw=\(512, 1140\): width 1140 is not a multiple.* 32; pad to 1152"):
        DeployGeometry(resized_hw=(540, 1140), drop_top=28, input_hw=(512, 1140), stride=32)
    assert DeployGeometry(resized_hw=(540, 1140), drop_top=28, input_hw=(512, 1140), stride=4).stride == 4
    assert DeployGeometry(resized_hw=(540, 1140), drop_top=28, input_hw=(512, 1152)).view((1080, 2280)).scale == 0.5


@pytest.mark.parametrize(("resized", "drop"), [((540, 960), 0), ((540, 992), 28), ((540, 960), -1), ((540, 960), 540)])
def test_what_does_not_fit_is_told(resized, drop):
    with pytest.raises(UserError, match=r"resized_hw=.*drop_top=.*input_hw"):
        DeployGeometry(resized_hw=resized, drop_top=drop, input_hw=(512, 960))


def test_an_original_of_another_aspect_is_fitted_and_padded():
    geometry = DeployGeometry(resized_hw=(64, 96), drop_top=0, input_hw=(64, 96))
    shown = geometry.view((128, 128)).show(np.zeros((128, 128, 3), np.uint8))  # square into 64x64
    assert (shown[:, :64] == 0).all()
    assert (shown[:, 64:] == PAD_VALUE).all()


resizes = st.builds(lambda h, w, drop, pad_h, pad_w: DeployGeometry((-(-(h - drop) // 32) * 32 + 32 * pad_h,
                                                                      -(-w // 32) * 32 + 32 * pad_w), (h, w), drop),
                    st.integers(40, 120), st.integers(40, 120), st.integers(0, 20), st.integers(0, 1), st.integers(0, 1))
crops = st.builds(lambda h, w, x, y: DeployGeometry((32 * h, 32 * w), window=CropWindow((x, y), (100, 100))),
                  st.integers(1, 5), st.integers(1, 5), st.floats(0, 100), st.floats(0, 100))
geometries = resizes | crops


@settings(max_examples=60, deadline=None)
@given(geometries, st.tuples(st.integers(30, 300), st.integers(30, 300)), st.integers(0, 2**31))
def test_boxes_there_and_back(geometry, original, seed):
    corners = np.random.default_rng(seed).uniform(0, 1, (5, 2, 2)) * original[::-1]
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)
    to_input = geometry.view(original).affine
    np.testing.assert_allclose(map_boxes(invert(to_input), map_boxes(to_input, boxes)), boxes, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(geometries, st.tuples(st.integers(60, 300), st.integers(60, 300)), st.integers(0, 2**31))
def test_a_box_is_where_its_pixels_are_shown(geometry, original, seed):
    """The affine and the pixels agree: a filled rectangle is found within half an original pixel, or one of the input's."""
    rng = np.random.default_rng(seed)
    view = geometry.view(original)
    x1, y1, x2, y2 = (int(v) for v in view.visible)
    least = int(np.ceil(3 / view.scale)) + 2
    assume(min(x2 - x1, y2 - y1) > least)
    width, height = (int(rng.integers(least, end - start)) for start, end in ((x1, x2), (y1, y2)))
    left, top = x1 + int(rng.integers(1, x2 - x1 - width + 1)), y1 + int(rng.integers(1, y2 - y1 - height + 1))
    image = np.zeros((*original, 3), np.uint8)
    image[top:top + height, left:left + width] = 255
    rows, columns = np.nonzero(view.show(image, fill=0)[:, :, 0] > 127)
    found = map_boxes(invert(view.affine), np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]))
    assert np.abs(found[0] - [left, top, left + width, top + height]).max() <= max(0.5, 1 / view.scale)


@settings(max_examples=60, deadline=None)
@given(geometries, st.tuples(st.integers(60, 300), st.integers(60, 300)), st.sampled_from([1, 2, 4]), st.integers(0, 2**31))
def test_label_map_comes_back_within_one_cell(geometry, original, stride, seed):
    """A labelled half-plane, shown to the input and read back from a label map, is where it was: within one of its cells."""
    rng = np.random.default_rng(seed)
    view = geometry.view(original)
    x1, y1, x2, y2 = view.visible
    edge = int(rng.integers(int(x1), max(int(x2), int(x1) + 1)))
    mask = np.zeros(original, np.uint8)
    mask[:, edge:] = 1
    label_map = view.show(mask, is_mask=True, fill=2)[stride // 2::stride, stride // 2::stride]
    back = label_map_to_original(label_map, stride, view.affine, original, fill=9)
    cell = stride / view.scale + 1
    assert (back[:max(int(y1) - 1, 0)] == 9).all()
    assert (back[:, :max(int(x1) - 1, 0)] == 9).all()
    for row in back[int(np.ceil(y1)) + 1:int(y2 - cell)]:
        assert abs(np.count_nonzero(row == 0) - (edge - x1)) <= cell


@pytest.mark.parametrize("original", [(720, 1280), (940, 1824), (1080, 1920), (1080, 2280)])
def test_the_crop_window_is_full_resolution_around_the_vanishing_point(original):
    geometry = DeployGeometry((448, 1280), window=CropWindow((960, 510), (1080, 1920)))
    view = geometry.view(original)
    x, y = 960 / 1920 * original[1], 510 / 1080 * original[0]
    assert (view.left, view.top) == (min(round(x - 640), original[1] - 1280), round(y - 224))
    image = np.random.default_rng(0).integers(0, 256, (*original, 3), dtype=np.uint8)
    np.testing.assert_array_equal(view.show(image), image[view.top:view.top + 448, view.left:view.left + 1280])
    assert view.visible == (view.left, view.top, view.left + 1280, view.top + 448)


def test_a_window_stays_in_the_image_and_pads_a_smaller_one():
    geometry = DeployGeometry((64, 96), window=CropWindow((5, 95), (100, 100)))
    assert geometry.view((200, 300)).visible == (0, 136, 96, 200)
    small = geometry.view((50, 300))
    assert small.visible == (0, 0, 96, 50)
    assert (small.show(np.zeros((50, 300, 3), np.uint8))[50:] == PAD_VALUE).all()


def test_the_anchor_is_the_point_s_place_in_the_window():
    window = CropWindow((500, 500), (1000, 1000), anchor=(0.25, 0.75))
    assert window.place((1000, 1000), (100, 200)) == (450, 425)


@pytest.mark.parametrize(("arguments", "message"), [
    ({}, "give either 'camera', or 'vanishing_point'"), ({"vanishing_point": (1, 1)}, "give either"),
    ({"vanishing_point": (1, 101), "original_hw": (100, 100)}, "lies outside"),
    ({"vanishing_point": (1, 1), "original_hw": (100, 100), "anchor": (0, 2)}, "anchor=")])
def test_windows_that_make_no_sense(arguments, message):
    with pytest.raises(UserError, match=message):
        CropWindow(**arguments)


def test_a_geometry_resizes_or_crops():
    window = CropWindow((5, 5), (10, 10))
    with pytest.raises(UserError, match="full resolution; remove 'resized_hw'"):
        DeployGeometry((64, 96), resized_hw=(64, 96), window=window)
    with pytest.raises(UserError, match="neither 'resized_hw' nor 'window'"):
        DeployGeometry((64, 96))


def test_half_size_is_an_image_pyramid_s():
    """The mean of 2x2 pixels, halves upwards."""
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    means = image.reshape(540, 2, 960, 2, 3).astype(np.int32).sum(axis=(1, 3))
    shown = DeployGeometry((512, 960), (540, 960), drop_top=28).view((1080, 1920)).show(image)
    np.testing.assert_array_equal(shown, ((means + 2) >> 2)[28:])


def test_identity_geometry_gives_the_label_map_itself():
    labels = np.random.default_rng(0).integers(0, 12, (64, 96), dtype=np.uint8)
    geometry = DeployGeometry((64, 96), (64, 96))
    np.testing.assert_array_equal(label_map_to_original(labels, 1, geometry.view((64, 96)).affine, (64, 96)), labels)
    coarse = labels[::2, ::2]
    np.testing.assert_array_equal(label_map_to_original(coarse, 2, geometry.view((64, 96)).affine, (64, 96)),
                                  coarse.repeat(2, 0).repeat(2, 1))


def test_resize_averages_images_and_never_mixes_labels():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, (32, 32)) == 100).all()
    mask = np.zeros((64, 64), np.uint8)
    mask[:, ::2] = 200
    assert set(np.unique(resize(mask, (31, 33), is_mask=True))) <= {0, 200}
    assert resize(stripes, (64, 64)) is stripes
