"""Contact sheets: many pictures side by side in one."""

from collections.abc import Sequence

import cv2
import numpy as np

GAP = 6
PAPER = 245


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], *, cell_width: int) -> np.ndarray:
    """Pictures in a grid, each fitted to `cell_width`; a row is as high as its highest picture.

    rows: rows of (h, w, 3) uint8 BGR of any size. Returns one (H, W, 3) uint8 BGR.
    """
    cells = [[_fit(image, cell_width) for image in row] for row in rows]
    columns = max(map(len, cells), default=0)
    width = columns * (cell_width + GAP) + GAP
    height = sum(max(c.shape[0] for c in row) + GAP for row in cells) + GAP
    sheet = np.full((height, width, 3), PAPER, dtype=np.uint8)
    y = GAP
    for row in cells:
        for column, cell in enumerate(row):
            x = GAP + column * (cell_width + GAP)
            sheet[y:y + cell.shape[0], x:x + cell_width] = cell
        y += max(c.shape[0] for c in row) + GAP
    return sheet


def _fit(image: np.ndarray, width: int) -> np.ndarray:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    shrinks = width < image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
