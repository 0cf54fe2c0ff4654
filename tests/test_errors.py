import pytest

from mtzoo.errors import one_line, shown


@pytest.mark.parametrize(("text", "line"), [
    ("straße 5.png", "straße 5.png"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31mred", "\\x1b[31mred"), ("caf\udce9.png", "caf\\udce9.png"),
    ("a\u2028b", "a\\u2028b"),
])
def test_names_cannot_break_the_line(text, line):
    assert one_line(text) == line
    line.encode()


@pytest.mark.parametrize(("value", "text"), [
    (3, "3"), (None, "None"), ("a\nb", "'a\\nb'"), ([4, 8.5, "x"], "[4, 8.5, 'x']"), ([[1], {"a": 1}], "[[...], {...}]"),
    (list(range(9)), "[0, 1, 2, 3, 4, 5, ...]"), ({"deep": {}}, "{...}"), ([], "[]"),
])
def test_values_are_shown_short(value, text):
    assert shown(value) == text


def test_huge_and_deep_values_are_shown_too():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "[[...]]"
    assert len(shown("x" * 10**6)) < 100
    assert len(shown([10**3000] * 6)) < 600
