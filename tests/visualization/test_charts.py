import math
from xml.etree import ElementTree

import pytest

from mtzoo.visualization.charts import MAX_POINTS, bar_chart, line_chart, scatter_chart, step_chart, thin

SPACE = "{http://www.w3.org/2000/svg}"


def texts(svg):
    """All that is written in a chart, in the order of the file."""
    return ["".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter(f"{SPACE}text")]


def test_names_stand_in_a_chart_as_they_are():
    curves = {"a<b": [(0, 1.0), (9, 2.0)], "_c$x$": [(0, 1.5)], "d\x1b[31m": []}
    written = texts(line_chart(curves, x_label="iteration", y_label="loss <>&", marks=[(0, "<i>")]))
    assert {"a<b", "\u200b_c$x$", "d\\x1b[31m", "iteration", "loss <>&", "<i>"} <= set(written)


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(0, math.inf), (1, math.nan)]}])
def test_nothing_that_is_finite_is_no_chart(series):
    assert line_chart(series, x_label="", y_label="") is None
    assert step_chart({name: [y for _, y in points] for name, points in series.items()}, ["0", "1"], y_label="") is None
    assert bar_chart(dict.fromkeys(series, math.nan), {}) is None


def test_losses_over_decades_are_logarithmic():
    far, near = (texts(line_chart({"a": [(0, high), (1, 0.1)]}, x_label="", y_label="")) for high in (100.0, 0.2))
    assert {"0.1", "1", "10", "100"} <= set(far)
    assert "10" not in near


def test_a_step_without_the_value_leaves_a_gap():
    written = texts(step_chart({"mIoU": [60.0, None, 57.3]}, ["0", "1", "2"], y_label="percent", min_span=30))
    assert written.count("60.0") == written.count("57.3") == 1
    assert {"mIoU", "percent"} <= set(written)


def test_bars_have_notes():
    assert {"fp32", "int8", "60 ms", "15 ms"} <= set(texts(bar_chart({"fp32": 60.0, "int8": 15.0}, {"fp32": "60 ms", "int8": "15 ms"})))
    assert bar_chart({"none": 0.0}, {}) is not None


def test_the_same_chart_is_the_same_file():
    assert bar_chart({"a": 1.0}, {}) == bar_chart({"a": 1.0}, {})


def test_a_long_curve_is_thinned_to_means():
    points = thin([(i, float(i % 2)) for i in range(10 * MAX_POINTS)])
    assert len(points) == MAX_POINTS
    assert {y for _, y in points} == {0.5}
    assert thin([(0, 1.0)]) == [(0, 1.0)]


def test_points_side_by_side_have_their_names():
    charts = {"mIoU": {"a<b": (2.0, 50.0), "c": (4.0, 60.0)}, "AP50": {"c": (4.0, 30.0), "a<b": (2.0, 10.0)}}
    written = texts(scatter_chart(charts, x_label="ms"))
    assert written.count("a<b") == written.count("c") == written.count("ms") == 2


def test_a_name_makes_way_for_the_points_and_names_beside_it():
    svg = scatter_chart({"mIoU": {"near": (1.0, 1.0), "beside": (1.2, 1.0), "far": (9.0, 2.0)}}, x_label="ms")
    anchors = {"".join(node.itertext()).strip(): node.get("style").rpartition(" ")[2]
               for node in ElementTree.fromstring(svg).iter(f"{SPACE}text")}
    assert (anchors["near"], anchors["beside"], anchors["far"]) == ("end", "start", "start")


def test_no_points_are_told():
    with pytest.raises(ValueError, match="without points"):
        scatter_chart({"mIoU": {}}, x_label="ms")
