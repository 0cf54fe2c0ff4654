import numpy as np

from mtzoo.visualization.bars import Bar, bar_picture

RED, BLUE = (0, 0, 255), (255, 0, 0)


def widths(picture: np.ndarray, color: tuple[int, int, int]) -> list[int]:
    """Pixels of a colour in each row that has some."""
    counts = (picture == np.array(color, np.uint8)).all(axis=2).sum(axis=1)
    return [int(n) for n in counts if n]


def test_bars_are_as_long_as_their_parts():
    bars = [Bar("whole", ((30.0, RED), (10.0, BLUE)), "40"), Bar("half", ((20.0, RED),), "20"), Bar("none", ())]
    picture = bar_picture("title", bars, width=500)
    assert picture.shape[1:] == (500, 3)
    red, blue = widths(picture, RED), widths(picture, BLUE)
    assert max(red) / max(blue) == 3 or abs(max(red) - 3 * max(blue)) <= 3
    assert abs(min(red) - 2 / 3 * max(red)) <= 2


def test_a_part_however_small_is_seen_and_no_bar_is_no_error():
    assert widths(bar_picture("t", [Bar("a", ((1e6, RED), (1.0, BLUE)))]), BLUE)
    assert bar_picture("t", [], legend=[("x", RED)]).shape[1] == 900
