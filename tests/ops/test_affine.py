import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.ops.affine import compose, invert, map_boxes, pixel_center_matrix, scale_shift

scales = st.floats(0.05, 20.0)
shifts = st.floats(-2000.0, 2000.0)
affines = st.builds(scale_shift, scales, scales, shifts, shifts)
boxes = st.lists(st.tuples(*[st.floats(0, 2000)] * 4), min_size=0, max_size=5).map(
    lambda rows: np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in rows], np.float32).reshape(-1, 4))


def points(affine, xy):
    return xy @ affine[:, :2].T + affine[:, 2]


@settings(max_examples=50, deadline=None)
@given(affines, affines, st.tuples(shifts, shifts))
def test_compose_applies_the_inner_map_first(outer, inner, xy):
    xy = np.array([xy])
    np.testing.assert_allclose(points(compose(outer, inner), xy), points(outer, points(inner, xy)), rtol=1e-9, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(affines, boxes)
def test_boxes_come_back_through_the_inverse(affine, xyxy):
    back = map_boxes(invert(affine), map_boxes(affine, xyxy))
    # float32 carries 24 bits of the largest coordinate on the way
    largest = np.abs(affine[:, 2]).max() + 2000 * affine.max()
    tolerance = 4 * 2.0**-23 * largest / min(affine[0, 0], affine[1, 1]) + 1e-3
    np.testing.assert_allclose(back, xyxy, atol=tolerance)


@settings(max_examples=50, deadline=None)
@given(affines)
def test_inverse_composed_is_the_identity(affine):
    np.testing.assert_allclose(compose(invert(affine), affine), [[1, 0, 0], [0, 1, 0]], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(boxes)
def test_a_mirror_keeps_corners_sorted_and_sizes(xyxy):
    mirrored = map_boxes(scale_shift(-1, 1, 2000), xyxy)
    assert (mirrored[:, 0] <= mirrored[:, 2]).all()
    np.testing.assert_allclose(mirrored[:, 2:] - mirrored[:, :2], xyxy[:, 2:] - xyxy[:, :2], atol=1e-3)
    np.testing.assert_allclose(mirrored[:, 0], 2000 - xyxy[:, 2], atol=1e-3)


def test_no_boxes_keep_their_shape():
    assert map_boxes(scale_shift(2, 2), np.zeros((0, 4))).shape == (0, 4)


def test_pixel_centres_of_a_half_lie_between_two_pixels():
    """Halving: the first output pixel covers originals 0 and 1, its centre is at index 0.5 of them."""
    matrix = pixel_center_matrix(invert(scale_shift(0.5, 0.5)))
    np.testing.assert_allclose(matrix @ [0, 0, 1], [0.5, 0.5])
