"""Shapes of what operations give, without their arithmetic."""

import operator
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree

import mtzoo.lowering.operators  # noqa: F401  (they register what is elementwise)
from mtzoo.errors import UserError
from mtzoo.lowering.meta import BY_IMAGE, ELEMENTWISE, dry_copy, function_result, module_result, on_meta

MAP, GATE, WEIGHTS, VECTORS = (2, 4, 6, 9), (2, 4, 1, 1), (4, 1, 1), (2, 5)
OF_TWO = {operator.add, operator.iadd, operator.sub, operator.isub, operator.mul, operator.imul, operator.truediv, operator.itruediv,
          torch.add, torch.sub, torch.rsub, torch.mul, torch.multiply, torch.div,
          "add", "add_", "sub", "sub_", "mul", "mul_", "div", "div_"}
OF_ONE = {key for key in ELEMENTWISE if not isinstance(key, type)} - OF_TWO


def shapes(value):
    return [tuple(tensor.shape) for tensor in pytree.tree_leaves(value) if isinstance(tensor, Tensor)]


def told_and_real(function, *args, **kwargs):
    """The shapes that are told without arithmetic, and those that come out on the CPU. A tuple in args is the shape of a tensor."""
    told, real = (pytree.tree_map(lambda arg, device=device: torch.rand(arg, device=device) if isinstance(arg, tuple) else arg,
                                  list(args), is_leaf=lambda arg: isinstance(arg, tuple)) for device in ("meta", "cpu"))
    call = getattr(Tensor, function) if isinstance(function, str) else function
    return shapes(function_result(function, *told, **kwargs)), shapes(call(*real, **kwargs))


def test_an_elementwise_function_has_the_shape_to_which_its_operands_broadcast():
    assert len(OF_TWO) + len(OF_ONE) > 40
    for function in OF_TWO:
        for operands in ((MAP, GATE), (MAP, WEIGHTS), (MAP, 2.0), (VECTORS, VECTORS)):
            told, real = told_and_real(function, *operands)
            assert told == real, function
    for function in OF_ONE:
        bounds = {"min": 0.0} if any(name in str(function) for name in ("clamp", "clip")) else {}
        assert told_and_real(function, MAP, **bounds) == ([MAP], [MAP]), function


@pytest.mark.parametrize(("function", "args", "kwargs"), [
    (F.interpolate, [MAP], {"scale_factor": 1.7, "mode": "bilinear"}), (F.interpolate, [MAP, [5, 7]], {}),
    (F.adaptive_avg_pool2d, [MAP, [None, 3]], {}), (torch.mean, [MAP, [2, 3], True], {}),
    ("mean", [MAP, 1], {}), ("mean", [MAP], {}), ("mean", [MAP, 0], {}), ("mean", [MAP, [0, 1], True], {}),
    (torch.cat, [[MAP, (2, 3, 6, 9)], 1], {}), (torch.concat, [[VECTORS, VECTORS]], {"dim": -1}),
    (torch.cat, [[VECTORS, VECTORS]], {}), (torch.cat, [[VECTORS, (7, 5)], -2], {})], ids=str)
def test_a_function_that_treats_each_image_by_itself(function, args, kwargs):
    assert function in BY_IMAGE
    told, real = told_and_real(function, *args, **kwargs)
    assert told == real


@pytest.mark.parametrize("module", [
    nn.Conv2d(4, 6, 3, 2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.PReLU(4), nn.MaxPool2d(3, 2, 1, return_indices=True),
    nn.Flatten(), nn.Flatten(0), nn.Flatten(0, 1), nn.Unflatten(0, (1, 2)), nn.GroupNorm(2, 4), nn.Linear(9, 3)], ids=str)
def test_a_module(module):
    x, before = torch.rand(MAP), {name: value.clone() for name, value in module.state_dict().items()}
    told = module_result(dry_copy(module), x.to("meta"))
    assert shapes(told) == shapes(module.eval()(x))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert shapes(module_result(on_meta(module), x.to("meta"))) == shapes(told)


@pytest.mark.parametrize("refused", [
    lambda x: module_result(nn.Conv2d(3, 6, 3), x), lambda x: module_result(nn.BatchNorm2d(3).eval(), x),
    lambda x: function_result("add", x, x[:, :3]), lambda x: function_result(torch.cat, [x, x[..., :8]], 1)],
    ids=["conv", "norm", "sum", "concatenation"])
def test_what_does_not_fit_is_refused(refused):
    """PyTorch's meta device would let the first two pass."""
    with pytest.raises((RuntimeError, UserError), match=r"[Ss]ize|channels|[Ss]hape"):
        refused(torch.rand(MAP, device="meta"))


@pytest.mark.thorough
def test_lowering_waits_for_no_compiler():
    """torch._dynamo takes seconds to import, and torch asks for it on its "meta" device."""
    code = "import sys; from mtzoo.cli.main import main; main(['summary', 'zoo/fastscnn']); print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
