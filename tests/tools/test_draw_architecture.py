"""tools/draw_architecture.py: the pictures of docs/architecture.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool(load_tool):
    return load_tool("draw_architecture")


def words_and_arrows(path):
    text = path.read_text()
    return sorted(re.findall(r"<text[^>]*>([^<]*)</text>", text)), text.count("<path")


def test_the_pictures_of_the_docs_show_the_code_as_it_is(tool, tmp_path):
    """Draw them anew if this fails: python tools/draw_architecture.py --out docs/images"""
    assert tool.main(["--out", str(tmp_path)]) == 0
    for name in ("rooms.svg", "nodes.svg"):
        assert words_and_arrows(tmp_path / name) == words_and_arrows(ROOT / "docs" / "images" / name), name


def test_an_arrow_that_a_longer_way_says_too_is_left_out(tool):
    assert tool.reduced({"c": {"b", "a"}, "b": {"a"}, "a": set()}) == {"c": {"b"}, "b": {"a"}, "a": set()}


def test_what_reads_nothing_stands_right_below_its_first_reader(tool):
    assert tool.ranks({"d": {"c", "x"}, "c": {"b"}, "b": {"a"}, "a": set(), "x": set()}) == {"d": 3, "c": 2, "b": 1, "a": 0, "x": 2}
