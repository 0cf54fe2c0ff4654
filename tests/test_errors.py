import pytest

from mtzoo.errors import MESSAGE_CHARACTERS, UserError, did_you_mean, one_line, shown


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
    assert shown(10**5000) == "a number of 16,610 bits"
    assert shown(b"x" * 10**6).startswith("b'xxx")


def test_a_long_message_keeps_its_subject_and_its_cure():
    text = str(UserError("a.json: " + "y" * 20_000_000 + "; drop it"))
    assert text.startswith("a.json: yyy")
    assert text.endswith("yyy; drop it")
    assert len(text) <= MESSAGE_CHARACTERS
    assert str(UserError("a.json: drop it")) == "a.json: drop it"


def test_a_hint_is_the_nearest_word_or_all_or_what_shows_them():
    assert did_you_mean("trian", ["train", "eval"]) == "; did you mean 'train'?"
    assert did_you_mean("x", ["train", "eval"]) == "; known: eval, train"
    assert did_you_mean("x", ["train", "eval"], "`mtzoo --help` shows them") == "; `mtzoo --help` shows them"
    assert did_you_mean("x", [], "`mtzoo --help` shows them") == ""


def test_a_hint_for_a_long_word_is_short():
    assert len(did_you_mean("x" * 10**7, ["train", "eval"])) < 100
