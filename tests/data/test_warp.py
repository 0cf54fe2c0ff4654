"""A warped box is the box of the warped mask; nothing is known where the original does not reach."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.warp import Warp, WarpedWindow
from mtzoo.errors import UserError
from mtzoo.ops.geometry import PAD_VALUE
from mtzoo.structures import IGNORE, Boxes

HW = (120, 200)


def window_of(seed, crop=(96, 128), scale=(0.6, 1.6), **warp):
    rng = np.random.default_rng(seed)
    window = TrainGeometry(crop_hw=crop, resize_type="none", scale_range=scale).draw(HW, rng)
    return WarpedWindow(window, Warp(**warp).draw(crop, rng))


def boxes_of(*xyxy):
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.arange(len(xyxy)), np.zeros(len(xyxy), bool), np.ones(5, bool))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rotation=st.floats(0, 30), shear=st.floats(0, 15), perspective=st.floats(0, 0.2))
def test_a_box_drawn_as_a_mask_stays_with_its_box(seed, rotation, shear, perspective):
    window = window_of(seed, rotation=rotation + 1, shear=shear, perspective=perspective)
    rng = np.random.default_rng(seed)
    x, y = int(rng.integers(0, 150)), int(rng.integers(0, 80))
    mask, image = np.zeros(HW, np.uint8), np.zeros((*HW, 3), np.uint8)
    mask[y:y + 40, x:x + 50], image[y:y + 40, x:x + 50] = 1, 255
    shown = window.mask(mask)
    found = window.boxes(boxes_of((x, y, x + 50, y + 40)), 0.3, 0)
    rows, columns = np.nonzero(shown == 1)
    if len(found.xyxy) == 0:
        assert len(rows) == 0
        return
    x1, y1, x2, y2 = found.xyxy[0]
    if len(rows):  # the corner of a rotated box may be cut off by the image's edge, then the mask's box is smaller
        assert columns.min() >= x1 - 1.5
        assert columns.max() + 1 <= x2 + 1.5
        assert rows.min() >= y1 - 1.5
        assert rows.max() + 1 <= y2 + 1.5
        if min(x1, y1) > 2 and x2 < 126 and y2 < 94:  # it is seen as a whole
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx((x1, y1, x2, y2), abs=2.5)
    grey = window.image(image)[..., 0]
    inside, near = ((change(mask.astype(np.uint8), np.ones((7, 7))) > 0)[4:-4, 4:-4] for change, mask in (
        (cv2.erode, shown == 1), (cv2.dilate, shown != 0)))
    assert (grey[4:-4, 4:-4][inside] > 200).all()
    assert (grey[4:-4, 4:-4][~near] < 50).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_labels_are_never_invented_and_ignored_stays_ignored(seed):
    window = window_of(seed, scale=(0.4, 1.0), rotation=30, shear=10, perspective=0.1)
    mask = np.random.default_rng(seed).integers(1, 4, HW, dtype=np.uint8)
    mask[:, 100:] = IGNORE
    shown = window.mask(mask)
    height, width = shown.shape
    centres = np.stack([*np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), np.ones((height, width))], axis=-1)
    source = centres @ np.linalg.inv(window.homography).T
    x, y = source[..., 0] / source[..., 2], source[..., 1] / source[..., 2]
    labelled = (x > 1) & (x < 99) & (y > 1) & (y < HW[0] - 1)
    unknown = (x < -1) | (x > 101) | (y < -1) | (y > HW[0] + 1)
    assert (shown[unknown] == IGNORE).all()
    assert np.isin(shown[labelled], (1, 2, 3)).all()
    outside = (x < -4) | (x > HW[1] + 4) | (y < -4) | (y > HW[0] + 4)
    assert (window.image(np.full((*HW, 3), 9, np.uint8))[outside] == PAD_VALUE).all()


def test_an_image_decoded_smaller_lies_where_the_whole_one_does():
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (240, 400, 3), dtype=np.uint8), (0, 0), 8)
    window = TrainGeometry(crop_hw=(48, 64), resize_hw=(60, 100), flip_prob=1).draw((240, 400), rng, grid=2)
    warped = WarpedWindow(window, Warp(rotation=20).draw((48, 64), rng))
    half = cv2.resize(image, (200, 120), interpolation=cv2.INTER_AREA)
    difference = np.abs(warped.image(image).astype(int) - warped.image(half, 2))
    assert difference.mean() < 1.5
    x, y = 200.0, 120.0  # the affine maps a point to where the mask shows it
    mask = np.zeros((240, 400), np.uint8)
    mask[118:122, 198:202] = 1
    rows, columns = np.nonzero(warped.mask(mask))
    if len(rows):
        np.testing.assert_allclose(warped.affine @ (x, y, 1), (columns.mean() + 0.5, rows.mean() + 0.5), atol=1)


def test_a_box_behind_the_horizon_is_none():
    window = window_of(3, perspective=0.2)
    far = window.boxes(boxes_of((-9000, -9000, -8000, -8000), (-9000, -9000, 9000, 9000), (9000, 9000, 9100, 9100)), 0.3, 0)
    assert far.labels.tolist() == [1]
    assert np.isfinite(far.xyxy).all()
    assert window.boxes(boxes_of(), 0.3, 0).xyxy.shape == (0, 4)


@pytest.mark.parametrize("values", [{}, {"rotation": 181}, {"rotation": 5, "prob": 2}, {"perspective": 0.5}, {"shear": -1}])
def test_a_warp_that_cannot_be_is_told(values):
    with pytest.raises(UserError):
        Warp(**values)
