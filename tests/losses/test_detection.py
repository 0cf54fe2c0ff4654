import numpy as np
import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.losses.detection import DetectionLoss, quality_focal_loss
from mtzoo.ops.boxes import flatten_levels, iou
from mtzoo.structures import Batch, Boxes

H, W, K, TASK = 64, 96, 2, "det"


def outputs_of(images: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    maps = {}
    for s in (8, 16, 32):
        maps[f"cls_s{s}"] = torch.full((images, K, H // s, W // s), -4.6, dtype=dtype, requires_grad=True)
        maps[f"box_s{s}"] = torch.full((images, 4, H // s, W // s), 0.69, dtype=dtype, requires_grad=True)
    return maps


def truth(xyxy: list, labels: list, known: tuple = (True, True)) -> Boxes:
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.zeros(len(labels), bool),
                 np.array(known))


def batch_of(entries: list) -> Batch:
    count = len(entries)
    return Batch(torch.zeros(count, 3, H, W, dtype=torch.uint8), np.tile(np.eye(2, 3), (count, 1, 1)), [(H, W)] * count,
                 [], [], {TASK: entries}, {})


ENTRY = truth([[8, 8, 40, 40], [50, 20, 62, 60]], [0, 1])


def test_focal_loss_is_zero_at_its_target_and_cross_entropy_without_focus():
    logits, target = torch.tensor([0.0, 2.0]), torch.tensor([0.5, 0.0])
    assert quality_focal_loss(logits[:1], target[:1], 2.0).item() == 0.0
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[1:], target[1:])
    assert quality_focal_loss(logits[1:], target[1:], 0.0).item() == pytest.approx(expected.item())


def test_training_on_one_image_finds_its_boxes():
    maps, batch, loss = outputs_of(1), batch_of([ENTRY]), DetectionLoss(num_classes=K)
    optimizer = torch.optim.Adam(maps.values(), lr=0.2)
    history = []
    for _ in range(60):
        total = sum(loss(maps, batch, TASK).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    assert history[-1] < 0.15 * history[0]
    logits, boxes, _ = flatten_levels(maps)
    for box, label in zip(torch.from_numpy(ENTRY.xyxy), ENTRY.labels):
        best = logits[0, :, label].argmax()
        assert iou(boxes[0, best], box) > 0.9
        assert logits[0, best, label].sigmoid() > 0.7


def test_unlabelled_samples_add_nothing_and_get_no_gradient():
    loss, maps = DetectionLoss(num_classes=K), outputs_of(2)
    both = loss(maps, batch_of([ENTRY, None]), TASK)
    alone = loss(outputs_of(1), batch_of([ENTRY]), TASK)
    assert {k: v.item() for k, v in both.items()} == pytest.approx({k: v.item() for k, v in alone.items()})
    sum(both.values()).backward()
    assert all(value.grad[1].abs().max() == 0 for value in maps.values())


@pytest.mark.parametrize("entries", [[None, None], None])
def test_no_labels_give_zero_with_a_graph(entries):
    maps, batch = outputs_of(2), batch_of(entries or [None])
    if entries is None:
        del batch.boxes[TASK]
    losses = DetectionLoss(num_classes=K)(maps, batch, TASK)
    assert [v.item() for v in losses.values()] == [0.0, 0.0]
    sum(losses.values()).backward()
    assert all(value.grad.abs().max() == 0 for value in maps.values())


def test_an_empty_image_teaches_background_only():
    maps = outputs_of(1)
    losses = DetectionLoss(num_classes=K)(maps, batch_of([truth([], [])]), TASK)
    assert losses["loss_box"].item() == 0.0
    sum(losses.values()).backward()
    assert (maps["cls_s8"].grad > 0).all()


def test_an_unknown_class_is_not_background():
    maps = outputs_of(1)
    sum(DetectionLoss(num_classes=K)(maps, batch_of([truth([], [], (True, False))]), TASK).values()).backward()
    assert (maps["cls_s8"].grad[:, 0] > 0).all()
    assert (maps["cls_s8"].grad[:, 1] == 0).all()


def test_bfloat16_outputs_are_lossed_in_float32():
    losses = DetectionLoss(num_classes=K)(outputs_of(1, torch.bfloat16), batch_of([ENTRY]), TASK)
    assert all(v.dtype == torch.float32 and v.isfinite() for v in losses.values())


def test_weights_scale_the_terms():
    base = DetectionLoss(num_classes=K)(outputs_of(1), batch_of([ENTRY]), TASK)
    other = DetectionLoss(num_classes=K, cls_weight=3.0, iou_weight=1.0)(outputs_of(1), batch_of([ENTRY]), TASK)
    assert other["loss_cls"].item() == pytest.approx(3 * base["loss_cls"].item())
    assert other["loss_box"].item() == pytest.approx(base["loss_box"].item() / 2)


@pytest.mark.parametrize(("params", "message"), [
    ({"iou_weight": -2.0}, "iou_weight=-2.0: expected a number of 0 or more"), ({"gamma": -1.0}, "gamma=-1.0: expected a number of 0")])
def test_senseless_parameters_are_refused(params, message):
    with pytest.raises(UserError, match=message):
        DetectionLoss(num_classes=K, **params)
