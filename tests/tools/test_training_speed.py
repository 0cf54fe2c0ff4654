"""The tool that measures training steps."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mtzoo.models import build_network
from tests.tiny import tiny_graphs

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def tool(load_tool):
    return load_tool("training_speed")


@pytest.mark.slow
def test_each_form_trains_a_network_of_its_own(tool, monkeypatch):
    trained = []
    monkeypatch.setattr(tool.torch.optim, "SGD", lambda parameters, **options: trained.append(list(parameters)) or _Still())
    monkeypatch.setattr(tool.torch, "compile", lambda net: net)  # compiling takes a minute, and changes no gradient
    net, images = build_network(tiny_graphs()), torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    for form in tool.FORMS:
        tool.make_step(net, form, images)()
    assert len(trained) == len(tool.FORMS) == 8
    assert all(any(p.grad is not None and bool(p.grad.any()) for p in parameters) for parameters in trained)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.slow
def test_the_memory_of_a_process_is_measured_though_several_threads_are_asked_for():
    """A forked process would wait for ever for OpenMP threads that its parent had started."""
    command = [sys.executable, str(TOOLS / "training_speed.py"), "4pe_fast/multitask_nano", "--hw", "64x64", "--batch", "2",
               "--threads", "2", "--rounds", "1", "--forms", "float"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
    row, = [line.split("│") for line in out.splitlines() if "float" in line]
    assert int(row[6]) > 0  # MB


class _Still:
    """An optimizer that changes nothing, so that gradients can be looked at."""

    def zero_grad(self, set_to_none):
        pass

    def step(self):
        pass
