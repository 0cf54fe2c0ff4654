import pytest

from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_text
from tests.data.convert.layouts import PASCAL_TEXT, write_pascal


def test_corners_count_from_one_and_kinds_follow_from_the_labels(tmp_path):
    write_pascal(tmp_path / "src")
    result = converted("pascal", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("a.png", "person", [10, 20, 20, 20], 0), ("a.png", "vehicle", [40, 0, 24, 20], 0)]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("64 x 48", "48 x 64", r"b.txt: size 48x64, but the image is 64x48"),
    ("(30, 40)", "(30; 40)", r"b.txt: a row 'Bounding box for object' cannot be read"),
    ("(30, 40)", "(wide, 40)", r"b.txt:5: 'wide' is not a number"),
])
def test_a_bad_row_is_named(old, new, message, tmp_path):
    write_pascal(tmp_path / "src")
    write_text(tmp_path / "src" / "texts" / "b.txt", PASCAL_TEXT.format(name="b").replace(old, new))
    with pytest.raises(UserError, match=message):
        converted("pascal", tmp_path / "src", tmp_path / "out")
