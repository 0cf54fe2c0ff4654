"""2x3 affine maps between images. Coordinates are continuous: the corner of the first pixel is (0, 0), its centre (0.5, 0.5)."""

import numpy as np


def scale_shift(scale_x: float, scale_y: float, shift_x: float = 0.0, shift_y: float = 0.0) -> np.ndarray:
    """(2, 3): x -> scale * x + shift."""
    return np.array([[scale_x, 0.0, shift_x], [0.0, scale_y, shift_y]], dtype=np.float64)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The map that applies `inner` first, then `outer`; all (2, 3)."""
    bottom = np.array([[0.0, 0.0, 1.0]])
    return outer @ np.vstack([inner, bottom])


def invert(affine: np.ndarray) -> np.ndarray:
    """The inverse map, (2, 3)."""
    linear = np.linalg.inv(affine[:, :2])
    return np.hstack([linear, -linear @ affine[:, 2:]])


def map_boxes(affine: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """Boxes (G, 4) through an axis-aligned affine (scale, shift, mirror); corners are sorted again, so a mirror keeps x1 <= x2."""
    xyxy = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    corners = xyxy.reshape(-1, 2) @ affine[:, :2].T + affine[:, 2]  # (2 G, 2)
    corners = corners.reshape(-1, 2, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def pixel_center_matrix(affine: np.ndarray) -> np.ndarray:
    """The same map for OpenCV's warpAffine, whose integer coordinates are pixel centres."""
    half = np.full((2,), 0.5)
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ half - half
    return shifted
