import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.data.geometry import TrainGeometry, Window, window_boxes
from mtzoo.errors import UserError
from mtzoo.ops.affine import map_boxes
from mtzoo.structures import IGNORE, Boxes


@pytest.mark.parametrize(("original", "resized"), [((720, 1280), (540, 960)), ((940, 1824), (540, 1048)),
                                                   ((1080, 1920), (540, 960)), ((1080, 2280), (540, 1140))])
def test_4pe_resize_rows(original, resized):
    geometry = TrainGeometry(crop_hw=(512, 960))
    assert geometry.resized_hw(original) == resized
    window = geometry.draw(original, np.random.default_rng(0))
    scale = resized[0] / original[0]
    assert abs(window.affine[1, 1] - scale) < 1e-3 * scale
    assert 0 <= window.y <= original[0] - window.height
    assert 0 <= window.x <= original[1] - window.width


def test_4pe_crop_stays_at_full_resolution():
    geometry = TrainGeometry(crop_hw=(448, 1216), resize_type="none", flip_prob=0)
    for original in ((720, 1280), (940, 1824), (1080, 1920), (1080, 2280)):
        window = geometry.draw(original, np.random.default_rng(1))
        np.testing.assert_allclose(window.affine, [[1, 0, -window.x], [0, 1, -window.y]])


@pytest.mark.parametrize(("ends", "step", "count"), [((0.5, 2.0), 0.25, 7), ((0.125, 1.5), 0.125, 12), ((0.8, 1.2), 0.1, 5)])
def test_scales_in_steps_come_equally_often_and_no_other_does(ends, step, count):
    geometry = TrainGeometry(crop_hw=(600, 600), resize_type="none", scale_range=ends, scale_step=step)
    rng = np.random.default_rng(0)
    windows = [geometry.draw((6000, 6000), rng).height for _ in range(100 * count)]
    drawn, often = np.unique(windows, return_counts=True)
    assert drawn.tolist() == sorted(round(600 / (ends[0] + i * step)) for i in range(count))
    assert often.min() > 60


@pytest.mark.parametrize("step", [0.0, -0.25, 0.4, float("nan"), float("inf")])
def test_steps_that_miss_the_ends_are_refused(step):
    with pytest.raises(UserError, match=r"scale_step=.*: expected a positive number that divides 0\.5 \.\.\. 2\.0 \(scale_range\)"):
        TrainGeometry(crop_hw=(64, 64), scale_range=(0.5, 2.0), scale_step=step)


def test_a_centre_crop_is_in_the_middle_unless_it_aims():
    geometry = TrainGeometry(crop_hw=(448, 1216), resize_type="none", crop_type="center", flip_prob=0)
    for original in ((720, 1280), (940, 1824), (1080, 1920), (1080, 2280)):
        window = geometry.draw(original, np.random.default_rng(1))
        assert (window.y, window.x) == ((original[0] - 448) // 2, (original[1] - 1216) // 2)
    assert geometry.draw((1080, 1920), np.random.default_rng(1), focus=(960, 1070)).y == 1080 - 448
    with pytest.raises(UserError, match="crop_type='centre'"):
        TrainGeometry(crop_hw=(448, 1216), crop_type="centre")


def marked(hw, boxes):
    """An image and a mask with bright rectangles, sizes in whole pixels."""
    image, mask = np.zeros((*hw, 3), np.uint8), np.zeros(hw, np.uint8)
    for x1, y1, x2, y2 in boxes.astype(int):
        image[y1:y2, x1:x2] = 255
        mask[y1:y2, x1:x2] = 1
    return image, mask


def extent(shown):
    """xyxy of what is set, by the half-way contour."""
    ys, xs = np.nonzero(shown)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_image_mask_and_boxes_agree_to_a_pixel(seed, flip):
    rng = np.random.default_rng(seed)
    hw = (int(rng.integers(60, 200)), int(rng.integers(60, 200)))
    x, y = int(rng.integers(2, hw[1] - 32)), int(rng.integers(2, hw[0] - 32))
    box = np.array([[x, y, x + 30, y + 24]], np.float32)
    geometry = TrainGeometry(crop_hw=(96, 128), resize_hw=(120, 160), scale_range=(0.5, 2.0), flip_prob=float(flip))
    window = geometry.draw(hw, rng, focus=(x + 15, y + 12))
    image, mask = marked(hw, box)
    expected = map_boxes(window.affine, box)[0].clip(0, [128, 96, 128, 96])
    shown_mask = window.mask(mask)
    shown_image = window.image(image)
    padded = window.mask(np.zeros(hw, np.uint8)) == IGNORE
    assert np.abs(extent(shown_mask == 1) - expected).max() <= 0.51
    assert np.abs(extent((shown_image[..., 0] > 127) & (shown_image[..., 0] != 128) & ~padded) - expected).max() <= 1.01
    assert (shown_mask[padded] == IGNORE).all()


def test_no_shift_between_image_and_affine():
    """A linear ramp's value at a pixel is its original coordinate: sub-pixel agreement, shrinking and enlarging."""
    ramp = np.repeat(np.arange(240, dtype=np.uint8)[None, :, None], 120, axis=0).repeat(3, axis=2)
    for side in (60, 100, 200):
        window = Window(x=20, y=10, width=side, height=side // 2, out_hw=(64, 128))
        shown = window.image(ramp)[32, 8:-8, 0].astype(float)
        centers = (np.arange(128)[8:-8] + 0.5 - window.affine[0, 2]) / window.affine[0, 0]
        # half an output pixel off would be 0.23, 0.39, 0.78; OpenCV's 8-bit bilinear itself darkens by up to a fifth
        assert abs((shown - (centers - 0.5)).mean()) < 0.22


def test_padding_is_grey_and_ignore():
    geometry = TrainGeometry(crop_hw=(64, 96), resize_type="none", flip_prob=0)
    window = geometry.draw((32, 48), np.random.default_rng(0))
    image, mask = window.image(np.zeros((32, 48, 3), np.uint8)), window.mask(np.zeros((32, 48), np.uint8))
    assert image.shape == (64, 96, 3)
    assert (image == 0).sum() == 32 * 48 * 3
    assert (image == 128).sum() == (64 * 96 - 32 * 48) * 3
    assert (mask == IGNORE).sum() == 64 * 96 - 32 * 48


def test_flip_mirrors_image_and_affine():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    plain, mirrored = (Window(0, 0, 60, 40, (40, 60), flip) for flip in (False, True))
    np.testing.assert_array_equal(mirrored.image(image), plain.image(image)[:, ::-1])
    np.testing.assert_allclose(map_boxes(mirrored.affine, np.array([[0, 0, 10, 20]])), [[50, 0, 60, 20]])


@pytest.mark.parametrize("window", [Window(3, 5, 120, 90, (96, 128)), Window(-8, 20, 128, 96, (96, 128), flip=True),
                                    Window(0, 0, 128, 96, (96, 128))])
def test_the_result_goes_where_it_is_told(window):
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    out = np.zeros((96, 128, 3), np.uint8)
    assert window.image(image, out=out) is out
    np.testing.assert_array_equal(out, window.image(image))
    assert not np.shares_memory(window.image(image), image)


def test_only_windows_are_resized_the_quick_way():
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8), (5, 5), 0)
    expected = cv2.resize(image, (96, 72))
    shown = Window(0, 0, 120, 90, (72, 96)).image(image)
    assert np.abs(shown.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(cv2.resize(image, (96, 72)), expected)
    assert not cv2.ipp.useIPP_NotExact()


def test_shrinking_averages_instead_of_skipping():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    shown = Window(0, 0, 128, 128, (32, 32)).image(stripes)
    assert np.abs(shown.astype(int) - 100).max() <= 1


def boxes_of(*xyxy):
    xyxy = np.array(xyxy, np.float32).reshape(-1, 4)
    return Boxes(xyxy, np.arange(len(xyxy)), np.zeros(len(xyxy), bool), np.ones(5, bool))


def test_boxes_are_clipped_dropped_or_ignored():
    window = Window(100, 0, 50, 50, (100, 100))  # scale 2
    boxes = boxes_of([110, 10, 120, 20], [90, 10, 110, 20], [60, 10, 105, 20], [0, 0, 100, 50], [120, 5, 121, 20])
    shown = window_boxes(window, boxes, min_visible=0.3, min_size=4)
    np.testing.assert_allclose(shown.xyxy, [[20, 20, 40, 40], [0, 20, 20, 40], [0, 20, 10, 40], [40, 10, 42, 40]])
    assert shown.labels.tolist() == [0, 1, 2, 4]
    assert shown.ignore.tolist() == [False, False, True, True]  # 1/9 visible; 2 px wide


def test_no_boxes_stay_no_boxes():
    shown = window_boxes(Window(0, 0, 8, 8, (8, 8)), boxes_of(), 0.3, 4)
    assert shown.xyxy.shape == (0, 4)
    assert shown.ignore.shape == (0,)


def test_focus_is_inside_the_crop():
    geometry = TrainGeometry(crop_hw=(64, 64), resize_type="none", scale_range=(0.5, 2.0))
    rng = np.random.default_rng(0)
    for _ in range(50):
        focus = rng.uniform(0, 300), rng.uniform(0, 200)
        window = geometry.draw((200, 300), rng, focus)
        assert window.x <= focus[0] <= window.x + window.width
        assert window.y <= focus[1] <= window.y + window.height


@pytest.mark.parametrize("changes", [{"resize_type": "max"}, {"crop_hw": (0, 5)}, {"scale_range": (2.0, 1.0)}, {"flip_prob": 1.5}])
def test_bad_settings_are_told(changes):
    with pytest.raises(UserError, match=next(iter(changes))):
        TrainGeometry(**{"crop_hw": (64, 64), **changes})


@pytest.mark.parametrize(("original", "changes", "factor"), [
    ((1080, 1920), {}, 2), ((1920, 1080), {}, 2), ((1080, 2280), {}, 2), ((2160, 3840), {}, 4), ((4320, 7680), {}, 8),
    ((720, 1280), {}, 1), ((940, 1824), {}, 1), ((1080, 1920), {"scale_range": (0.3, 1.01)}, 1),
    ((1080, 1920), {"scale_range": (0.3, 0.5)}, 4), ((1080, 1920), {"resize_type": "none"}, 1),
    ((1080, 1920), {"reduced_decode": False}, 1),
])
def test_reduction_is_at_most_what_every_window_shrinks_by(original, changes, factor):
    geometry = TrainGeometry(**{"crop_hw": (512, 960), "reduced_decode": True, **changes})
    assert geometry.reduction(original) == factor
    rng = np.random.default_rng(0)
    windows = [geometry.draw(original, rng, grid=factor) for _ in range(20)]
    assert all(w.height >= factor * 512 and w.width >= factor * 960 for w in windows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([2, 4, 8]), st.booleans())
def test_windows_on_a_grid_show_a_smaller_image_where_the_affine_says(seed, grid, focus):
    """Of a linear ramp each pixel's value is its original coordinate, x in the first channel, y in the second."""
    rng = np.random.default_rng(seed)
    hw = (grid * int(rng.integers(24, 60)), grid * int(rng.integers(24, 60)))
    ys, xs = np.indices(hw)
    ramp = np.stack([xs, ys, ys], axis=2).astype(np.float32)
    small = cv2.resize(ramp, (hw[1] // grid, hw[0] // grid), interpolation=cv2.INTER_AREA)
    geometry = TrainGeometry(crop_hw=(16, 24), resize_hw=(min(hw) // grid, 1000), scale_range=(0.7, 1.0), flip_prob=0.5)
    window = geometry.draw(hw, rng, (hw[1] / 2, hw[0] / 3) if focus else None, grid)
    assert all(side % grid == 0 for side in (window.x, window.y, window.width, window.height))
    seen = window.mask(np.zeros(hw, np.uint8)) == 0
    shown = window.image(small, grid)
    for channel, centers in ((0, np.arange(24)[None, :] + 0.5), (1, np.arange(16)[:, None] + 0.5)):
        coordinate = (centers - window.affine[channel, 2]) / window.affine[channel, channel] - 0.5
        assert abs(np.median((shown[..., channel] - coordinate)[seen])) < 0.1  # half a pixel of the smaller image is 1, 2 or 4


def test_a_grid_of_one_is_none():
    geometry = TrainGeometry(crop_hw=(64, 64), scale_range=(0.5, 2.0))
    for focus in (None, (30.0, 50.0)):
        first, second = (geometry.draw((201, 307), np.random.default_rng(0), focus, *grid) for grid in ((), (1,)))
        assert first == second
