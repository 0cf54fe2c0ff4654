from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from mtzoo.errors import UserError
from mtzoo.plain_data import build, convert


@dataclass(frozen=True)
class Inner:
    rate: float
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise UserError(f"rate={self.rate}: not negative")


@dataclass(frozen=True)
class Outer:
    inner: Inner
    pair: tuple[int, int] = (1, 2)
    names: tuple[str, ...] = ()
    table: Mapping[int, str] = field(default_factory=dict)
    maybe: Inner | None = None
    anything: Any = None
    flag: bool = False


def test_nested_values_become_dataclasses():
    built = build(Outer, {"inner": {"rate": 1}, "pair": [3, 4], "names": ["x"], "table": {"5": "five"}, "maybe": None}, "top")
    assert built == Outer(Inner(1.0), (3, 4), ("x",), {5: "five"})
    assert isinstance(built.inner.rate, float)
    assert build(Outer, built, "top") is built


@pytest.mark.parametrize(("values", "message"), [
    ({"inner": {"rate": 1, "knd": "a"}}, r"^top\.inner\.knd: unknown key; did you mean 'kind'\?$"),
    ({"inner": {}}, r"^top\.inner: 'rate' is missing; add it$"),
    ({}, r"^top: 'inner' is missing"),
    ({"inner": {"rate": "fast"}}, r"^top\.inner\.rate='fast': expected float$"),
    ({"inner": {"rate": True}}, r"^top\.inner\.rate=True: expected float$"),
    ({"inner": {"rate": -1}}, r"^top\.inner: rate=-1.0: not negative$"),
    ({"inner": {"rate": 1, "kind": "c"}}, r"^top\.inner\.kind='c': expected one of 'a', 'b'$"),
    ({"inner": 5}, r"^top\.inner: expected a dict of Inner's keys, got 5$"),
    ({"inner": {"rate": 1}, "pair": [1]}, r"^top\.pair: expected 2 values, got \[1\]$"),
    ({"inner": {"rate": 1}, "pair": [1, 2.5]}, r"^top\.pair\[1\]=2.5: expected int$"),
    ({"inner": {"rate": 1}, "names": "xyz"}, r"^top\.names: expected a list, got 'xyz'$"),
    ({"inner": {"rate": 1}, "names": ["x", 1]}, r"^top\.names\[1\]=1: expected str$"),
    ({"inner": {"rate": 1}, "table": [1]}, r"^top\.table: expected a dict"),
    ({"inner": {"rate": 1}, "table": {"one": "x"}}, r"^top\.table='one': expected int"),
    ({"inner": {"rate": 1}, "maybe": 3}, r"^top\.maybe: expected a dict of Inner's keys, got 3$"),
    ({"inner": {"rate": 1}, "flag": 1}, r"^top\.flag=1: expected bool$"),
])
def test_what_does_not_fit_names_its_key(values, message):
    with pytest.raises(UserError, match=message):
        build(Outer, values, "top")


def test_at_the_top_there_is_no_empty_prefix():
    with pytest.raises(UserError, match="^'inner' is missing; add it$"):
        build(Outer, {}, "")


def test_a_union_takes_the_first_choice_that_fits():
    assert convert(int | str, "x", "key") == "x"
    assert convert(int | str, 3, "key") == 3
    assert convert(float | None, None, "key") is None


@dataclass(frozen=True)
class Boxes:
    top_k: int
    nms: float = 0.5

    def __post_init__(self):
        if self.top_k > 100:
            raise UserError(f"top_k={self.top_k}: 100 at most")


@dataclass(frozen=True)
class Labels:
    stride: int


@pytest.mark.parametrize(("values", "message"), [
    ({"top_k": 101, "nms": 0.4}, r"^key: top_k=101: 100 at most$"),
    ({"stride": "x"}, r"^key\.stride='x': expected int$"),
    ({"strid": 4}, r"^key\.strid: unknown key; did you mean 'stride'\?$"),
])
def test_the_fault_of_a_union_is_that_of_the_choice_that_was_meant(values, message):
    with pytest.raises(UserError, match=message):
        convert(Boxes | Labels, values, "key")


def test_keys_that_are_no_numbers_are_told():
    assert convert(Mapping[int, str], {"-3": "a"}, "key") == {-3: "a"}
    for key in ("9" * 5000, "²", "--3"):
        with pytest.raises(UserError, match="expected int"):
            convert(Mapping[int, str], {key: "a"}, "key")
