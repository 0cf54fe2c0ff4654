import numpy as np
import pytest
import torch
from torch import nn

from mtzoo.config import config_from_dict
from mtzoo.engine.losses import MultiTaskLoss, compute_loss
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE, Batch, Boxes
from tests.tiny import HW, config_values, tiny_config


class Heads(nn.Module):
    """Parameters in the place of a network's outputs, the shapes of the tiny config's."""

    def __init__(self) -> None:
        super().__init__()
        h, w = HW
        self.maps = nn.ParameterDict({f"cls_s{s}": nn.Parameter(torch.randn(1, 2, h // s, w // s)) for s in (8, 16, 32)}
                                     | {f"box_s{s}": nn.Parameter(torch.randn(1, 4, h // s, w // s)) for s in (8, 16, 32)}
                                     | {"logits": nn.Parameter(torch.randn(1, 3, h // 4, w // 4))})

    def forward(self, images):
        outputs = dict(self.maps.items())
        return {"seg": {"logits": outputs.pop("logits")}, "det": outputs}


def batch_of(*, boxes=False, masks=False):
    known = Boxes(np.array([[10, 10, 40, 40]], np.float32), np.array([1]), np.zeros(1, bool), np.ones(2, bool))
    return Batch(torch.zeros(1, 3, *HW, dtype=torch.uint8), np.zeros((1, 2, 3)), [HW], ["x"], ["s"],
                 {"det": [known if boxes else None]}, {"seg": torch.full((1, *HW), 1 if masks else IGNORE, dtype=torch.uint8)})


def run(config, batch):
    torch.manual_seed(0)
    heads = Heads()
    criterion = MultiTaskLoss(config)
    total, terms = compute_loss(heads, criterion, batch, torch.zeros(1, 3, *HW), bf16=False)
    total.backward()
    return total, terms, heads, criterion


def test_a_batch_teaches_only_the_tasks_it_labels(tmp_path):
    config = tiny_config(tmp_path)
    total, terms, heads, _ = run(config, batch_of(masks=True))
    assert {name.split(".")[0] for name in terms} == {"seg"}
    assert float(total.detach()) == pytest.approx(sum(float(v) for v in terms.values()))
    assert float(heads.maps["cls_s8"].grad.abs().sum()) == 0.0  # zero, not missing: other processes may have had labels
    assert float(heads.maps["logits"].grad.abs().sum()) > 0
    total, terms, heads, _ = run(config, batch_of(boxes=True))
    assert {name.split(".")[0] for name in terms} == {"det"}
    assert float(heads.maps["logits"].grad.abs().sum()) == 0.0


def test_a_batch_nobody_labelled_costs_nothing(tmp_path):
    total, terms, _, _ = run(tiny_config(tmp_path), batch_of())
    assert float(total.detach()) == 0.0
    assert terms == {}


def test_weights_scale_the_sum_and_leave_the_reported_terms(tmp_path):
    both = batch_of(boxes=True, masks=True)
    _, terms, _, _ = run(tiny_config(tmp_path), both)
    values = config_values(tmp_path)
    values["tasks"]["det"]["loss"]["weight"], values["tasks"]["seg"]["loss"]["weight"] = 0.5, 3.0
    total, again, _, _ = run(config_from_dict(values), both)
    assert {k: float(v) for k, v in again.items()} == pytest.approx({k: float(v) for k, v in terms.items()})
    expected = sum(float(v) * (0.5 if k.startswith("det") else 3.0) for k, v in terms.items())
    assert float(total.detach()) == pytest.approx(expected)


def test_uncertainty_learns_a_balance_for_each_labelled_task(tmp_path):
    _, _, _, criterion = run(tiny_config(tmp_path, loss_balance="uncertainty"), batch_of(masks=True))
    balances = criterion.balance.log_variances
    assert set(balances) == {"det", "seg"}
    assert float(balances["seg"].grad) != 0.0
    assert float(balances["det"].grad) == 0.0


def test_uncertainty_leaves_the_balance_of_a_task_of_weight_zero_alone(tmp_path):
    """exp(-s) * 0 + s would fall without end, and the loss be NaN once exp(-s) is infinite."""
    values = config_values(tmp_path, loss_balance="uncertainty")
    values["tasks"]["det"]["loss"]["weight"] = 0.0
    _, _, _, criterion = run(config_from_dict(values), batch_of(boxes=True, masks=True))
    balances = criterion.balance.log_variances
    assert float(balances["det"].grad) == 0.0
    assert float(balances["seg"].grad) != 0.0


def test_losses_are_float32_under_bf16(tmp_path):
    torch.manual_seed(0)
    criterion = MultiTaskLoss(tiny_config(tmp_path))
    total, terms = compute_loss(Heads().bfloat16(), criterion, batch_of(masks=True), torch.zeros(1, 3, *HW), bf16=True)
    assert total.dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in terms.values())


@pytest.mark.parametrize(("task", "params", "message"), [
    ("det", {"iou_weight": "x"}, "tasks.det.loss.iou_weight='x': expected float"),
    ("det", {"top_k": 2.5}, "tasks.det.loss.top_k=2.5: expected int"),
    ("seg", {"class_weights": ["a", 1, 1]}, r"tasks.seg.loss.class_weights\[0\]='a': expected float"),
    ("seg", {"ce_weight": -1}, "tasks.seg.loss: ce_weight=-1: expected a number of 0 or more"),
])
def test_a_parameter_that_cannot_be_is_told_before_a_training(tmp_path, task, params, message):
    values = config_values(tmp_path)
    values["tasks"][task]["loss"] |= params
    with pytest.raises(UserError, match=message):
        MultiTaskLoss(config_from_dict(values))
