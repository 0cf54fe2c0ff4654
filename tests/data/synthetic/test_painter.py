from random import Random

import numpy as np
import pytest

from mtzoo.data.synthetic.camera import Camera
from mtzoo.data.synthetic.light import sample_light
from mtzoo.data.synthetic.painter import Painter


@pytest.fixture
def painter() -> Painter:
    return Painter(Camera((90, 160), 120.0, (80.0, 45.0), 1.5, 0.0), sample_light(Random(0)))


def test_a_fill_covers_image_and_labels_alike(painter):
    painter.fill([np.array([(20.0, 10.0), (60.0, 10.0), (60.0, 30.0), (20.0, 30.0)])], (200, 100, 50), 3)
    inside = painter.ids == 3
    rows, cols = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    # Pixel edges are whole numbers; the rasteriser may add the pixels that an edge touches.
    assert abs(rows[0] - 10) <= 1
    assert abs(rows[-1] - 29) <= 1
    assert abs(cols[0] - 20) <= 1
    assert abs(cols[-1] - 59) <= 1
    assert (painter.image[12:28, 22:58] == (200, 100, 50)).all()


def test_far_outside_points_do_not_spoil_the_inside(painter):
    painter.fill([np.array([(-3e6, 40.0), (3e6, 40.0), (3e6, 2e6), (-3e6, 2e6)])], (9, 9, 9), 4)
    assert (painter.ids[41:] == 4).all()
    assert (painter.ids[:39] == 0).all()


@pytest.mark.parametrize("box", [(10, 10, 50, 50), (-20, -30, 40, 20), (140, 70, 200, 130), (-50, -50, 300, 200),
                                 (200, 0, 240, 40), (30.4, 20.4, 31.1, 20.9)])
def test_a_sprite_lands_in_its_box_and_is_clipped(painter, box):
    sprite = np.full((32, 32, 4), 255, np.uint8)
    painter.sprite(sprite, box, 7)
    rows, cols = np.nonzero(painter.ids == 7)
    expected = (max(box[0], 0), max(box[1], 0), min(box[2], 160), min(box[3], 90))
    if expected[0] >= expected[2]:
        assert not len(rows)
        return
    found = (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(found, expected, atol=1.01)


def test_transparent_parts_of_a_sprite_are_neither_painted_nor_labelled(painter):
    sprite = np.full((32, 32, 4), 255, np.uint8)
    sprite[:, 16:, 3] = 0
    painter.sprite(sprite, (20, 20, 52, 52), 7)
    assert (painter.ids[22:50, 22:34] == 7).all()
    assert (painter.ids[:, 38:] == 0).all()
    assert (painter.image[:, 38:] == 0).all()


def test_a_hidden_lamp_has_no_halo(painter):
    painter.surface(0)  # what an unpainted pixel belongs to
    surface = painter.surface(8)
    lamp = np.array((0.0, 1.5, 10.0))
    painter.glow(lamp, 0.5, (0, 0, 255), surface)
    assert not painter.visible_glows()
    painter.ids[40:50, 75:85] = surface
    assert len(painter.visible_glows()) == 1
