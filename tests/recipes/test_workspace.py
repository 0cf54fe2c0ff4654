from types import SimpleNamespace

import torch

from mtzoo.recipes import workspace
from mtzoo.recipes.workspace import Workspace


class Moved:
    """A network that tells where it goes."""

    def __init__(self, told):
        self.told = told

    def to(self, device):
        self.told.append(str(device))
        return self

    def cpu(self):
        return self.to("cpu")


def test_a_torch_network_is_evaluated_on_the_device_and_comes_back(tmp_path, quiet, monkeypatch):
    told = []
    monkeypatch.setattr(workspace, "network_predictor", lambda net, config, device: told.append(f"predicts on {device}"))
    monkeypatch.setattr(workspace, "evaluate_shown", lambda *args, limit: told.append("evaluated") or {"seg/mIoU": 50.0})
    space = Workspace(SimpleNamespace(), tmp_path, None, None, quiet, device=torch.device("cuda", 0))
    assert space.evaluate_network(Moved(told)) == {"seg/mIoU": 50.0}
    assert told == ["cuda:0", "predicts on cuda:0", "evaluated", "cpu"]
