import numpy as np
import pytest

from mtzoo.deploy.builder import GraphBuilder


@pytest.fixture
def builder():
    builder = GraphBuilder()
    builder.add_input("x", np.float32, (1, 2))
    return builder


def test_an_operator_without_a_name_is_written_once(builder):
    first = builder.op("Round", ["x"])
    assert builder.op("Round", ["x"]) == first
    assert builder.op("Mul", [first, first]) == builder.op("Mul", ["t0", "t0"])
    assert [node.op_type for node in builder.nodes] == ["Round", "Mul"]


def test_what_differs_is_written_apart(builder):
    outputs = [builder.op("Softmax", ["x"], attributes={"axis": axis}) for axis in (0, 1, 0)]
    assert outputs == ["t0", "t1", "t0"]
    assert builder.op("Sub", ["x", "t0"]) != builder.op("Sub", ["t0", "x"])


def test_an_operator_with_a_name_of_its_own_is_always_written(builder):
    builder.op("Round", ["x"])
    assert [builder.op("Round", ["x"], name) for name in ("one", "two")] == ["one", "two"]
    assert len(builder.nodes) == 3
