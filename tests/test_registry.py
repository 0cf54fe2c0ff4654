import re
from collections.abc import Callable, Sequence

import pytest

from mtzoo.errors import UserError
from mtzoo.registry import check_params


class Part:
    def __init__(self, spec, *, width: float, blocks: Sequence[int] = (1,), mode=None, act: Callable = abs, sizes: tuple = (),
                 rows: Sequence = (), names: "list[str]" = (), depth: int = None) -> None:
        """spec: what the builder passes."""


@pytest.mark.parametrize(("params", "message"), [
    ({"width": 1, "blockz": [1]}, "here.blockz: Part has no such parameter; did you mean 'blocks'?"),
    ({"width": 1, "spec": 2}, "here.spec: Part has no such parameter"),
    ({"blocks": [1]}, "here: Part needs 'width'; add it"),
    ({"width": "x"}, "here.width='x': expected float"),
    ({"width": 1, "blocks": 3}, "here.blocks: expected a list, got 3"),
    ({"width": 1, "blocks": [1, 2.5]}, "here.blocks[1]=2.5: expected int"),
])
def test_keys_are_checked_against_the_constructor(params, message):
    with pytest.raises(UserError, match=re.escape(message)):
        check_params(Part, params, "here", supplied=("spec",))


def test_what_has_no_annotation_of_plain_data_may_be_anything():
    values = {"width": 1, "blocks": [1, 2], "mode": object(), "act": max, "sizes": [1, 2], "rows": [3], "names": ["a"], "depth": None}
    check_params(Part, values, "here", supplied=("spec",))
