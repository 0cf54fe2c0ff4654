
import pytest
import torch

from mtzoo.models import build_network
from tests.tiny import tiny_graphs


@pytest.fixture
def tool(load_tool):
    return load_tool("training_speed")


@pytest.mark.slow
def test_each_form_trains_a_network_of_its_own(tool, monkeypatch):
    trained = []
    monkeypatch.setattr(tool.torch.optim, "SGD", lambda parameters, **options: trained.append(list(parameters)) or _Still())
    net, images = build_network(tiny_graphs()), torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    for form in tool.FORMS:
        tool.make_step(net, form, images)()
    assert len(trained) == len(tool.FORMS)
    assert all(any(p.grad is not None and bool(p.grad.any()) for p in parameters) for parameters in trained)
    assert all(p.grad is None for p in net.parameters())


class _Still:
    """An optimizer that changes nothing, so that gradients can be looked at."""

    def zero_grad(self, set_to_none):
        pass

    def step(self):
        pass
