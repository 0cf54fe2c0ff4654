import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.visualization.svg import MAX_POINTS, bar_chart, line_chart, nice_range, step_chart, thin, ticks

numbers = st.floats(-1e6, 1e6, allow_nan=False)


def parse(chart):
    return ET.fromstring(f"<div>{chart}</div>")


curves = st.lists(st.tuples(st.integers(0, 9999), numbers), max_size=5)


@settings(max_examples=30)
@given(st.dictionaries(st.text("aé<&>'\"", max_size=5), curves, max_size=3))
def test_any_series_makes_well_formed_svg_within_its_view(series):
    chart = line_chart(series, x_label="iteration", y_label="loss <>&", marks=[(0, "<b>")], width=500, height=200)
    for line in parse(chart).iter("polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert -1 <= x <= 501
            assert -1 <= y <= 201


def test_values_that_are_not_finite_are_left_out():
    chart = line_chart({"a": [(0, 1.0), (1, math.nan), (2, 2.0)]}, x_label="", y_label="")
    assert len(next(parse(chart).iter("polyline")).get("points").split()) == 2
    assert line_chart({"a": [(0, math.inf)]}, x_label="", y_label="") == ""


def test_losses_over_decades_are_logarithmic():
    chart = line_chart({"a": [(0, 100.0), (1, 0.1)]}, x_label="", y_label="")
    texts = [t.text for t in parse(chart).iter("text")]
    assert {"0.1", "1", "10", "100"} <= set(texts)


def test_a_step_without_the_value_leaves_a_gap():
    chart = parse(step_chart({"mIoU": [60.0, None, 59.5]}, ["0", "1", "2"], y_label="percent"))
    assert len(list(chart.iter("circle"))) == 2


def test_bars_are_proportional():
    chart = parse(bar_chart({"fp32": 60.0, "int8": 15.0}, {"fp32": "60 ms", "int8": "15 ms"}))
    long, short = (float(r.get("width")) for r in chart.iter("rect"))
    assert long / short == pytest.approx(4, rel=0.01)


@given(st.lists(numbers, min_size=1), st.floats(0, 100))
def test_the_range_holds_all_values_and_the_least_span(values, span):
    low, high = nice_range(values, span)
    assert low <= min(values) <= max(values) <= high
    if min(values) < 0 or min(values) >= span:
        assert high - low >= span * 0.999


def test_ticks_are_round():
    assert ticks((0.0, 100.0), 5) == [0, 20, 40, 60, 80, 100]
    assert ticks((0.3, 0.5), 4) == [0.3, 0.35, 0.4, 0.45, 0.5]


def test_long_curves_are_thinned_to_means():
    points = thin([(i, i % 2) for i in range(10 * MAX_POINTS)])
    assert len(points) <= MAX_POINTS
    assert {y for _, y in points} == {0.5}
