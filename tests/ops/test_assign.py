import numpy as np
import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.ops.assign import (
    AlignmentPolicy,
    GroundTruth,
    Positives,
    assign_task_aligned,
    class_weights,
    gather_ground_truth,
    rank_within,
)
from mtzoo.ops.boxes import flatten_levels, iou
from mtzoo.structures import Boxes

H, W, K = 96, 128, 3


def untrained(images: int, seed: int = 0) -> tuple:
    """Logits, boxes and locations of a network as initialised: low scores, boxes of about four strides."""
    rng = torch.Generator().manual_seed(seed)
    outputs = {}
    for s in (8, 16, 32):
        outputs[f"cls_s{s}"] = torch.randn(images, K, H // s, W // s, generator=rng) * 0.1 - 4.6
        outputs[f"box_s{s}"] = torch.randn(images, 4, H // s, W // s, generator=rng) * 0.1 + 0.69
    return flatten_levels(outputs)


def truth(xyxy: list, labels: list | None = None, ignore: list | None = None) -> Boxes:
    count = len(xyxy)
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels or [0] * count, np.int64),
                 np.array(ignore or [False] * count), np.ones(K, bool))


def assign(entries: list[Boxes], policy: AlignmentPolicy | None = None) -> tuple[Positives, GroundTruth, tuple]:
    predicted = untrained(len(entries))
    gt, _ = gather_ground_truth(entries, torch.device("cpu"))
    return assign_task_aligned(*predicted, gt, policy or AlignmentPolicy()), gt, predicted


@pytest.mark.parametrize("seed", range(8))
def test_every_box_gets_a_location_and_every_location_one_box(seed):
    rng = np.random.default_rng(seed)
    entries = []
    for count in (0, 1, 6, 25):
        corner = rng.random((count, 2)) * (W - 20, H - 20)
        xyxy = np.concatenate([corner, corner + rng.random((count, 2)) ** 3 * 90 + 1], axis=1)
        entries.append(truth(xyxy, rng.integers(0, K, count).tolist()))
    positives, gt, (logits, _, _) = assign(entries)
    assert set(positives.boxes.tolist()) == set(range(len(gt.labels)))
    places = positives.images * logits.shape[1] + positives.locations
    assert len(places.unique()) == len(places)
    assert torch.equal(gt.images[positives.boxes], positives.images)
    assert torch.bincount(positives.boxes).max() <= AlignmentPolicy().top_k


def test_equal_boxes_each_keep_a_location():
    positives, gt, _ = assign([truth([[40, 40, 44, 44]] * 5)])
    assert set(positives.boxes.tolist()) == set(range(5))


def test_more_boxes_than_locations_fills_the_locations():
    positives, _, (logits, _, _) = assign([truth([[40, 40, 44, 44]] * 300)])
    assert len(positives.locations) == logits.shape[1]


def test_no_boxes_no_positives():
    positives, _, _ = assign([truth([]), truth([])])
    assert len(positives.images) == 0


@pytest.mark.parametrize(("side", "stride"), [(20, 8), (64, 16), (90, 32)])
def test_an_untrained_network_assigns_levels_by_size(side, stride):
    middle = np.array([63.0, 47.0])
    box = np.concatenate([middle - side / 2, middle + side / 2])
    positives, _, (_, _, locations) = assign([truth([box])])
    best = positives.locations[positives.share.argmax()]
    assert locations.strides[best] == stride


def test_quality_is_bounded_by_the_best_overlap_and_share_is_one_at_the_best():
    positives, gt, (_, boxes, _) = assign([truth([[10, 10, 60, 50], [70, 20, 90, 80]], [0, 2])])
    overlap = iou(gt.xyxy[positives.boxes], boxes[positives.images, positives.locations])
    for row in range(2):
        mine = positives.boxes == row
        assert positives.share[mine].max() == 1.0
        assert positives.quality[mine].max() == pytest.approx(overlap[mine].max().item())


def test_the_better_aligned_box_wins_a_shared_location():
    predicted = untrained(1)
    logits, boxes, locations = predicted
    where = 5 * 16 + 8  # a cell of stride 8, centre (68, 44)
    boxes[0, where] = torch.tensor([60.0, 36.0, 76.0, 52.0])
    gt, _ = gather_ground_truth([truth([[20, 10, 110, 90], [60, 36, 76, 52]])], torch.device("cpu"))
    positives = assign_task_aligned(logits, boxes, locations, gt, AlignmentPolicy())
    assert positives.boxes[positives.locations == where].tolist() == [1]


def test_ignore_regions_and_unknown_classes_weigh_nothing():
    entry = truth([[10, 10, 60, 50], [64, 0, 128, 96]], [0, 1], [False, True])
    entry.known[2] = False
    gt, ignored = gather_ground_truth([entry], torch.device("cpu"))
    logits, boxes, locations = untrained(1)
    positives = assign_task_aligned(logits, boxes, locations, gt, AlignmentPolicy())
    weights = class_weights(torch.from_numpy(entry.known)[None], ignored, locations.centers, positives)
    right = locations.centers[:, 0] > 64
    assert weights[0, :, 0].eq(1).all()
    assert weights[0, right, 1].eq(0).all()
    assert weights[0, ~right, 1].eq(1).all()
    assert weights[0, :, 2].eq(0).all()


def test_a_positive_inside_an_ignore_region_keeps_its_weight():
    entry = truth([[80, 20, 110, 60], [64, 0, 128, 96]], [1, 1], [False, True])
    gt, ignored = gather_ground_truth([entry], torch.device("cpu"))
    logits, boxes, locations = untrained(1)
    positives = assign_task_aligned(logits, boxes, locations, gt, AlignmentPolicy())
    weights = class_weights(torch.from_numpy(entry.known)[None], ignored, locations.centers, positives)
    assert weights[0, positives.locations].eq(1).all()


def test_rank_within_groups():
    ranks = rank_within(torch.tensor([1, 0, 1, 1, 0]), torch.tensor([0.5, 2.0, 0.7, 0.5, 3.0]))
    assert ranks.tolist() == [1, 1, 0, 2, 0]


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"beta": 0.0}, {"alpha": -1.0}, {"center_sigma": 0.0}])
def test_a_senseless_policy_is_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        AlignmentPolicy(**wrong)
