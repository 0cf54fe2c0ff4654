import pytest
import torch
import torchvision

from mtzoo.errors import UserError
from mtzoo.ops.boxes import encode_distances, flatten_levels
from mtzoo.postprocess.boxes import class_nms, decode_detections
from mtzoo.postprocess.decoders import BoxDecoder

H, W, K = 64, 96, 2


def quiet(images: int = 1) -> dict[str, torch.Tensor]:
    """Maps that find nothing."""
    maps = {}
    for s in (8, 16, 32):
        maps[f"cls_s{s}"] = torch.full((images, K, H // s, W // s), -10.0)
        maps[f"box_s{s}"] = torch.zeros(images, 4, H // s, W // s)
    return maps


def put(maps: dict, stride: int, y: int, x: int, label: int, logit: float, box: tuple | None = None) -> None:
    maps[f"cls_s{stride}"][0, label, y, x] = logit
    if box is not None:
        center = torch.tensor([[(x + 0.5) * stride, (y + 0.5) * stride]])
        maps[f"box_s{stride}"][0, :, y, x] = encode_distances(torch.tensor([box]), center, torch.tensor([float(stride)]))[0]


def test_one_box_comes_back():
    maps = quiet()
    put(maps, 16, 1, 2, 1, 2.0, (20.0, 10.0, 70.0, 50.0))
    found, = decode_detections(maps, BoxDecoder())
    torch.testing.assert_close(found.boxes, torch.tensor([[20.0, 10.0, 70.0, 50.0]]))
    assert found.scores.item() == pytest.approx(torch.tensor(2.0).sigmoid().item())
    assert found.labels.tolist() == [1]


def test_nothing_found_is_an_empty_answer():
    found, = decode_detections(quiet(), BoxDecoder())
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == found.labels.shape == (0,)


def test_boxes_are_clipped_to_the_input():
    maps = quiet()
    put(maps, 8, 0, 0, 0, 3.0, (-30.0, -5.0, 20.0, 400.0))
    assert decode_detections(maps, BoxDecoder())[0].boxes.tolist() == [[0.0, 0.0, 20.0, 64.0]]


def test_a_location_gives_its_best_class_and_the_lowest_among_equals():
    maps = quiet()
    put(maps, 8, 2, 2, 0, 1.0)
    put(maps, 8, 2, 2, 1, 1.0)
    put(maps, 8, 6, 9, 0, 1.0)
    put(maps, 8, 6, 9, 1, 1.5)
    found, = decode_detections(maps, BoxDecoder())
    assert found.labels.tolist() == [1, 0]


def test_equal_scores_keep_the_order_of_strides_and_rows():
    maps = quiet()
    for stride, y, x in ((32, 1, 2), (8, 1, 7), (8, 1, 3)):
        put(maps, stride, y, x, 0, 1.0)
    found, = decode_detections(maps, BoxDecoder())
    assert found.boxes[:, 2].sub(found.boxes[:, 0]).tolist() == [16.0, 16.0, 48.0]  # the last is clipped at the right
    assert found.boxes[:2, 0].tolist() == [20.0, 52.0]
    first, = decode_detections(maps, BoxDecoder(pre_nms_top_k=1))
    assert torch.equal(first.boxes, found.boxes[:1])


def test_suppression_is_within_a_class():
    maps = quiet()
    box = (20.0, 10.0, 70.0, 50.0)
    put(maps, 16, 1, 2, 0, 2.0, box)
    put(maps, 16, 1, 3, 0, 1.0, box)
    put(maps, 16, 2, 2, 1, 0.0, box)
    found, = decode_detections(maps, BoxDecoder())
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_threshold_and_top_k():
    maps = quiet()
    for i, logit in enumerate((-1.0, 0.0, 1.0)):
        put(maps, 8, 2 + 2 * i, 2 + 3 * i, 0, logit)
    assert len(decode_detections(maps, BoxDecoder(score_threshold=0.4))[0].scores) == 2
    assert len(decode_detections(maps, BoxDecoder(score_threshold=0.5))[0].scores) == 1  # equal to it is not above it
    best, = decode_detections(maps, BoxDecoder(top_k=1))
    assert best.scores.item() == pytest.approx(torch.tensor(1.0).sigmoid().item())


def test_agrees_with_torchvisions_batched_nms_on_noise():
    rng = torch.Generator().manual_seed(3)
    maps = {name: torch.randn(value.shape, generator=rng) for name, value in quiet(2).items()}
    params = BoxDecoder(score_threshold=0.3, nms_iou=0.5, pre_nms_top_k=60, top_k=20)
    logits, boxes, _ = flatten_levels(maps)
    limit = torch.tensor([W, H, W, H])
    for n, found in enumerate(decode_detections(maps, params)):
        scores, labels = logits[n].sigmoid().max(dim=1)
        rows = scores.topk(60).indices
        rows = rows[scores[rows] > 0.3]
        clipped = boxes[n, rows].clamp(min=0).minimum(limit)
        kept = torchvision.ops.batched_nms(clipped, scores[rows], labels[rows], 0.5)[:20]
        assert torch.equal(found.boxes, clipped[kept])
        assert torch.equal(found.labels, labels[rows][kept])
        torch.testing.assert_close(found.scores, scores[rows][kept])


def test_nms_of_nothing():
    empty = torch.zeros(0)
    assert class_nms(torch.zeros(0, 4), empty, empty.long(), 0.5).tolist() == []


@pytest.mark.parametrize("wrong", [{"score_threshold": 0.0}, {"nms_iou": 1.0}, {"top_k": 0}, {"pre_nms_top_k": 0}])
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        BoxDecoder(**wrong)
