import math

import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.losses.balance import FixedBalance, UncertaintyBalance

LOSSES = {"a": {"loss_cls": torch.tensor(1.0), "loss_box": torch.tensor(3.0)}, "b": {"loss_ce": torch.tensor(0.5)}}


def test_fixed_weights_by_hand():
    assert FixedBalance({"a": 0.5, "b": 2.0})(LOSSES, ["a", "b"]).item() == 3.0


def test_uncertainty_starts_as_the_plain_sum_and_settles_at_the_log_of_the_loss():
    balance = UncertaintyBalance(["a", "b"])
    assert balance(LOSSES, ["a", "b"]).item() == 4.5
    optimizer = torch.optim.SGD(balance.parameters(), lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        balance(LOSSES, ["a", "b"]).backward()
        optimizer.step()
    assert balance.log_variances["a"].item() == pytest.approx(math.log(4.0), abs=1e-3)
    assert balance.log_variances["b"].item() == pytest.approx(math.log(0.5), abs=1e-3)


def test_a_task_without_labels_leaves_its_variance_alone():
    balance = UncertaintyBalance(["a", "b"])
    balance({"a": LOSSES["a"], "b": {"loss_ce": torch.tensor(0.0)}}, ["a"]).backward()
    assert balance.log_variances["b"].grad.item() == 0.0
    assert balance.log_variances["a"].grad.item() != 0.0


def test_a_task_without_a_weight_is_named():
    with pytest.raises(UserError, match="'b'"):
        FixedBalance({"a": 1.0})(LOSSES, ["a", "b"])


def test_a_negative_weight_is_refused():
    with pytest.raises(UserError, match="-1"):
        FixedBalance({"a": -1.0})
