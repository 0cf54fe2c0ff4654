import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.visualization.text import Legend, TextStyle, place_label


@given(st.tuples(*[st.integers(-50, 250)] * 4), st.lists(st.tuples(*[st.integers(0, 150)] * 4), max_size=4))
def test_a_label_starts_inside_the_image(box, taken):
    x1, y1, x2, y2 = box
    x, y = place_label((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), (40, 12), taken, (200, 200))
    assert 0 <= x <= 160
    assert 0 <= y <= 188


def test_a_label_avoids_another():
    first = place_label((50, 50, 90, 90), (40, 12), [], (200, 200))
    assert first == (50, 38), "above its box"
    rect = (*first, first[0] + 40, first[1] + 12)
    assert place_label((55, 50, 90, 90), (40, 12), [rect], (200, 200))[1] == 90, "below, since above is taken"


@pytest.mark.parametrize(("name", "drawn"), [("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"), ("nul\0", "nul\\x00"),
                                             ("caf\udce9", "caf\\udce9")])
def test_control_characters_are_drawn_as_escapes(name, drawn):
    style = TextStyle.for_image((480, 640))
    pictures = np.zeros((2, 100, 400, 3), np.uint8)
    for picture, text in zip(pictures, (name, drawn)):
        style.write(picture, text, (5, 5), (255, 255, 255))
    assert pictures[0].any()
    assert (pictures[0] == pictures[1]).all()
    assert style.size(name) == style.size(drawn)


def test_a_name_too_long_for_the_picture_ends_in_dots_before_its_note():
    style = TextStyle.for_image((96, 160))
    assert style.fitted("car", " 75", 160) == "car 75"
    text = style.fitted("a very long name of a class, longer than the picture", " 75", 160)
    assert text.startswith("a very long ")
    assert text.endswith("... 75")
    assert style.size(text)[0] <= 160 < style.size(text.replace("...", "mmmm"))[0]
    assert style.fitted("car", " 75", 1) == "c... 75"


def test_a_legend_of_a_name_that_is_too_long_stays_in_the_picture():
    picture = np.full((96, 160, 3), 100, np.uint8)
    name = "a very long name of a class, longer than the picture"
    Legend.laid_out([(name, (0, 0, 255))], TextStyle.for_image((96, 160)), (96, 160)).draw(picture)
    assert (picture == (0, 0, 255)).all(axis=2).any(), "its colour"
    assert (picture[:, -1] == 100).all(), "nothing runs over the edge"


def test_a_legend_whose_first_name_fills_the_line_names_it_before_the_count():
    picture = np.full((96, 160, 3), 100, np.uint8)
    entries = [("a very long name of a class, longer than the picture", (0, 0, 255)), ("car", (0, 255, 0)), ("bus", (255, 0, 0))]
    legend = Legend.laid_out(entries, TextStyle.for_image((96, 160)), (96, 160))
    ((first, count),) = legend.lines
    assert first.name.startswith("a very long ")
    assert first.name.endswith("...")
    assert count.name == "+2"
    legend.draw(picture)
    assert (picture == (0, 0, 255)).all(axis=2).any(), "its colour"
    assert (picture[:, -1] == 100).all(), "nothing runs over the edge"


def test_the_last_of_several_names_makes_way_for_the_count():
    entries = [(name, (0, 0, 255)) for name in ("car", "bus", "person", "cyclist", "rider", "truck")]
    ((*shown, count),) = Legend.laid_out(entries, TextStyle.for_image((96, 160)), (96, 160)).lines
    assert [entry.name for entry in shown] == ["car", "bus"]
    assert count.name == "+4"


def test_all_texts_are_of_one_height():
    style = TextStyle.for_image((480, 640))
    assert len({style.size(text)[1] for text in ("sky", "pole", "A", "xxx")}) == 1
    assert style.size("longer text")[0] > style.size("text")[0]
