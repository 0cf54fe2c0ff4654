import math

import pytest

from mtzoo.config import config_from_dict, load_config
from mtzoo.config.plain import MAX_DEPTH, plain
from mtzoo.errors import UserError
from tests.tiny import config_values, write_config


def nested(depth):
    values = 1
    for _ in range(depth):
        values = {"a": values}
    return values


def test_plain_data_come_back_as_json_would_give_them():
    assert plain({1: (1, 2.5), "a": [None, True, {"b": "x"}]}) == {"1": [1, 2.5], "a": [None, True, {"b": "x"}]}


@pytest.mark.parametrize(("values", "message"), [
    ({"a": [math.nan]}, r"a\[0\]=nan: expected a finite number"),
    ({"a": {"b": -math.inf}}, r"a\.b=-inf: expected a finite number"),
    ({"a": 10 ** 400}, "a: a number of more than 63 bits"),
    ({"a": {1, 2}}, r"a=\{1, 2\}: a config holds texts"),
    (nested(20_000), f"nested more than {MAX_DEPTH} deep"),
])
def test_what_no_config_holds_is_one_short_line(values, message):
    with pytest.raises(UserError, match=message) as caught:
        plain(values)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("key", ["filename", "text", "pretty_text", "env_variables"])
def test_keys_that_mmengine_keeps_for_itself_are_unknown_keys(tmp_path, key):
    with pytest.raises(UserError, match=f"^{key}: unknown key"):
        config_from_dict({**config_values(tmp_path), key: "x"})


def test_a_byte_order_mark_is_no_part_of_a_config_or_of_what_it_imports(tmp_path):
    write_config(tmp_path / "base.py", config_values(tmp_path))
    mine = tmp_path / "mine.py"
    mine.write_text("from mmengine.config import read_base\nwith read_base():\n    from .base import *\n")
    before = load_config(mine)
    for path in (tmp_path / "base.py", mine):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_config(mine) == before


@pytest.mark.parametrize("text", ["raise SystemExit(7)", "import sys\nsys.exit('bye')", "raise BaseException('x')",
                                  f"x = [{'0, ' * 400_000}]\n",
                                  "x = []\nfor _ in range(10 ** 5):\n    x = [x]\n"])
def test_a_config_that_ends_the_program_or_nests_without_end_is_one_line(tmp_path, text):
    (tmp_path / "c.py").write_text(text)
    with pytest.raises(UserError, match=r"c\.py: ") as caught:
        load_config(tmp_path / "c.py")
    assert len(str(caught.value)) < 400
