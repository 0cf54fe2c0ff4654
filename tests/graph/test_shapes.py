"""Shapes of a network's results, without computing them."""

import subprocess
import sys

import pytest
import torch

from mtzoo.graph import output_positions, read_program, result_shapes
from mtzoo.models import build_network
from mtzoo.quantization import QConfigMap, is_prepared, prepare
from tests.tiny import tiny_graphs


@pytest.mark.parametrize("prepared", [False, True])
def test_shapes_are_those_that_a_run_gives(prepared):
    net = build_network(tiny_graphs()).train()
    if prepared:
        prepare(net, QConfigMap())
    shapes = result_shapes(net, (64, 96), images=2)
    assert net.training
    assert is_prepared(net) == prepared
    values = {"images": torch.zeros(2, 3, 64, 96)}
    for call in read_program(net).calls:
        values[call.name] = call.module(*(values[name] for name in call.reads))
    assert list(shapes.values()) == [tuple(value.shape) for value in values.values()]
    assert list(output_positions(net, (64, 96)).values()) == [value[0, 0].numel() for value in values.values()]


def test_results_that_do_not_meet_are_told():
    net = build_network(tiny_graphs())
    with pytest.raises(RuntimeError, match="size"):
        result_shapes(net, (60, 90))


@pytest.mark.thorough
def test_a_summary_waits_for_no_compiler():
    """torch._dynamo takes seconds to import, and torch asks for it on its "meta" device."""
    code = "import sys; from mtzoo.cli.main import main; main(['summary', '4pe_fast/seg_lane']); print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
