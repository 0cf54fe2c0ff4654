import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.ops.box_maps import box_strides
from mtzoo.ops.boxes import (
    Locations,
    box_area,
    centers_inside,
    clip_boxes,
    decode_distances,
    encode_distances,
    flatten_levels,
    level_centers,
    pairwise_ioa,
    pairwise_iou,
)


def random_boxes(*shape: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    corner = torch.rand(*shape, 2, generator=rng) * 80
    return torch.cat([corner, corner + torch.rand(*shape, 2, generator=rng) * 40], dim=-1)


def test_strides_come_from_the_output_names_in_ascending_order():
    assert box_strides({"cls_s16": None, "box_s16": None, "cls_s8": None, "box_s8": None}) == [8, 16]


def test_a_level_without_boxes_is_an_error():
    with pytest.raises(ValueError, match="cls_s8"):
        box_strides({"cls_s8": None, "box_s16": None, "cls_s16": None})


def test_centers_run_row_by_row():
    assert level_centers(2, 3, 8).tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]


def test_decoding_by_hand():
    raw = torch.tensor([[[0.0, 0.0, 0.0, 0.0]]]) + torch.log(torch.tensor([1.0, 0.5, 2.0, 0.25]))
    boxes = decode_distances(raw, torch.tensor([[20.0, 12.0]]), torch.tensor([8.0]))
    assert boxes.tolist() == [[[12.0, 8.0, 36.0, 14.0]]]


def test_raw_values_beyond_the_limit_are_clamped():
    center, stride = torch.tensor([[0.0, 0.0]]), torch.tensor([1.0])
    wild, limit = (decode_distances(torch.full((1, 1, 4), v), center, stride) for v in (1e4, 6.0))
    assert torch.equal(wild, limit)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([4.0, 8.0, 16.0, 32.0]), st.lists(st.floats(0.01, 200.0), min_size=4, max_size=4))
def test_encode_then_decode_is_the_identity(stride, sides):
    center = torch.tensor([[100.0, 60.0]])
    left, top, right, bottom = torch.tensor(sides).clamp(min=stride * 0.01)
    box = torch.stack([100 - left, 60 - top, 100 + right, 60 + bottom])[None]
    strides = torch.tensor([stride])
    back = decode_distances(encode_distances(box, center, strides), center, strides)
    torch.testing.assert_close(back, box, atol=1e-3, rtol=1e-5)


def test_flattened_levels_keep_order_and_are_float32():
    outputs = {f"{kind}_s{s}": torch.zeros(2, c, 64 // s, 32 // s, dtype=torch.bfloat16)
               for s in (16, 8) for kind, c in (("cls", 3), ("box", 4))}
    outputs["cls_s8"][1, 2, 1, 3] = 5.0
    logits, boxes, locations = flatten_levels(outputs)
    assert logits.shape == (2, 40, 3)
    assert boxes.shape == (2, 40, 4)
    assert logits.dtype == boxes.dtype == torch.float32
    assert logits[1, 1 * 4 + 3, 2] == 5.0
    assert isinstance(locations, Locations)
    assert locations.strides.tolist() == [8.0] * 32 + [16.0] * 8
    assert boxes[0, 7].tolist() == [20.0, 4.0, 36.0, 20.0]  # centre (28, 12), one stride each way


def test_pairwise_iou_is_torchvisions_with_batches():
    first, second = random_boxes(3, 5), random_boxes(3, 7, seed=1)
    for n in range(3):
        torch.testing.assert_close(pairwise_iou(first, second)[n], torchvision.ops.box_iou(first[n], second[n]))


def test_iou_of_empty_boxes_is_zero():
    empty = torch.zeros(1, 4)
    assert pairwise_iou(empty, empty).item() == 0.0


def test_ioa_is_one_inside_and_by_hand():
    small, large = torch.tensor([[10.0, 10, 20, 20], [15.0, 0, 25, 20]]), torch.tensor([[0.0, 0, 20, 40]])
    assert pairwise_ioa(small, large).flatten().tolist() == [1.0, 0.5]


def test_area_of_a_box_turned_inside_out_is_zero():
    assert box_area(torch.tensor([[5.0, 0, 1, 9]])).item() == 0.0


def test_centers_on_the_border_are_outside():
    inside = centers_inside(torch.tensor([[4.0, 0.0, 12.5, 8.0]]), torch.tensor([[4.0, 4.0], [12.0, 4.0], [12.0, 8.0]]))
    assert inside.tolist() == [[False, True, False]]


def test_clipping_by_hand():
    assert clip_boxes(torch.tensor([[-3.0, 5.0, 70.0, 50.0]]), (40, 60)).tolist() == [[0.0, 5.0, 60.0, 40.0]]
