import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import MaxPool
from tests.layers.alone import grid, steps

FORMS = [dict(kernel_size=2), dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=(2, 3), stride=(2, 1), ceil_mode=True),
         dict(kernel_size=3, stride=2, padding=1, ceil_mode=True), dict(kernel_size=3, stride=1, padding=1, dilation=2)]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("hw", [(13, 18), (12, 16), (11, 11)], ids=str)
def test_it_is_pytorchs(form: dict, hw: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *hw)
    assert torch.equal(MaxPool(**form)(x), F.max_pool2d(x, **form))
    integers, source = steps((2, 3, *hw), grid(0, True)), grid(0, True)
    found = MaxPool(**form).integer([integers], [source], source)
    assert found.dtype == torch.int8
    assert torch.equal(found.double(), F.max_pool2d(integers.double(), **form))


def test_padding_on_one_side_never_wins() -> None:
    x = -torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    assert MaxPool(2, padding=(1, 0, 0, 1))(x).flatten().tolist() == [-1, -3, -4, -6]


@pytest.mark.parametrize("form", [dict(kernel_size=0), dict(kernel_size=2, padding=2), dict(kernel_size=2, dilation=0),
                                  dict(kernel_size=3, dilation=2, ceil_mode=True)], ids=str)
def test_what_no_runtime_can_do_is_told(form: dict) -> None:
    with pytest.raises(ValueError, match="a pool"):
        MaxPool(**form)
