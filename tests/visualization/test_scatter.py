from xml.etree import ElementTree

import pytest

from mtzoo.visualization.scatter import HEIGHT, WIDTH, scatter_chart

SPACE = "{http://www.w3.org/2000/svg}"


def test_points_stand_where_their_values_are_and_have_one_colour():
    charts = {"mIoU": {"a<b": (2.0, 50.0), "c": (4.0, 60.0)}, "AP50": {"c": (4.0, 30.0), "a<b": (2.0, 10.0)}}
    root = ElementTree.fromstring(scatter_chart(charts, x_label="ms"))
    assert (root.get("width"), root.get("height")) == (str(2 * WIDTH), str(HEIGHT))
    first, second = ([(c.get("cx"), c.get("cy"), c.get("fill")) for c in g.iter(f"{SPACE}circle")] for g in root.iter(f"{SPACE}g"))
    assert float(first[0][0]) < float(first[1][0])
    assert float(first[0][1]) > float(first[1][1])  # up is more
    assert [color for *_, color in first] == [color for *_, color in second][::-1]
    names = [text.text for text in root.iter(f"{SPACE}text") if text.get("class") == "name"]
    assert names == ["a<b", "c", "c", "a<b"]


def test_nothing_to_draw_is_told():
    with pytest.raises(ValueError, match="without points"):
        scatter_chart({"mIoU": {}}, x_label="ms")
