import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mtzoo.errors import UserError
from mtzoo.losses import ClassificationLoss
from mtzoo.structures import NO_LABEL, Batch


def batch_of(*labels):
    count = len(labels)
    return Batch(torch.zeros(count, 3, 4, 4, dtype=torch.uint8), np.zeros((count, 2, 3)), [(4, 4)] * count, [], [], {}, {},
                 image_labels={"cls": torch.tensor(labels)})


def test_it_is_cross_entropy_of_the_labelled_images():
    logits = torch.randn(4, 3, 1, 1, requires_grad=True)
    weights = [1.0, 2.0, 0.5]
    loss = ClassificationLoss(num_classes=3, class_weights=weights, label_smoothing=0.1)
    found = loss({"logits": logits}, batch_of(2, NO_LABEL, 0, 1), "cls")["loss_ce"]
    rows = [0, 2, 3]
    wanted = F.cross_entropy(logits[rows].flatten(1), torch.tensor([2, 0, 1]), torch.tensor(weights), label_smoothing=0.1)
    assert torch.equal(found, wanted)
    found.backward()
    assert logits.grad[1].abs().sum() == 0
    assert logits.grad[0].abs().sum() > 0


def test_without_a_label_it_is_a_zero_with_a_graph():
    logits = torch.randn(2, 3, 1, 1, requires_grad=True)
    found = ClassificationLoss(num_classes=3)({"logits": logits}, batch_of(NO_LABEL, NO_LABEL), "cls")
    found["loss_ce"].backward()
    assert (found["loss_ce"].item(), logits.grad.abs().sum().item()) == (0, 0)


@pytest.mark.parametrize(("params", "message"), [
    ({"class_weights": [1.0]}, "1 values for 3 classes"), ({"class_weights": [1.0, 0.0, 1.0]}, "numbers above 0"),
    ({"label_smoothing": 2.0}, "must be in 0..1")])
def test_wrong_parameters(params, message):
    with pytest.raises(UserError, match=message):
        ClassificationLoss(num_classes=3, **params)
