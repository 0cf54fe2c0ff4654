import numpy as np

from mtzoo.visualization.sheet import GAP, contact_sheet


def test_pictures_of_any_size_stand_in_a_grid():
    rows = [[np.zeros((100, 200, 3), np.uint8)] * 2, [np.full((300, 300, 3), 9, np.uint8)]]
    sheet = contact_sheet(rows, cell_width=100)
    assert sheet.shape == (50 + 100 + 3 * GAP, 2 * (100 + GAP) + GAP, 3)
    assert (sheet[-GAP - 1, GAP + 50] == 9).all()
