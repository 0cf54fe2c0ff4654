from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mtzoo.data.loader import EvalBatch
from mtzoo.engine.tta import TestTimeAugmentation, View, augmented_predictor, mean_boxes, mean_logits
from mtzoo.errors import UserError
from mtzoo.postprocess.boxes import DecodedBoxes
from mtzoo.postprocess.decoders import BoxDecoder, ClassDecoder, LabelMapDecoder

BOTH = TestTimeAugmentation(True)
DECODERS = {"seg": LabelMapDecoder(upsample=1, stride=4), "det": BoxDecoder(), "scene": ClassDecoder()}


def lopsided(images):
    """A pixel's logits are the channels' means over a cell of 4x4, and column 0 of the map is always class 0. Where a cell of 8x8 is
    bright in channel 0, there is a box of 16x16 around its centre."""
    logits = F.avg_pool2d(images.float(), 4) / 32
    cells = F.avg_pool2d(images[:, :1].float(), 8) / 16 - 8
    scene = logits.mean(dim=(2, 3), keepdim=True)
    logits[..., 0] = torch.tensor([9.0, 0.0, 0.0])[None, :, None]
    return {"seg": {"logits": logits}, "det": {"cls_s8": cells, "box_s8": torch.zeros_like(cells).expand(-1, 4, -1, -1)},
            "scene": {"logits": scene}}


def batch_of(images):
    affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    hw = tuple(images.shape[2:])
    return EvalBatch(images, [SimpleNamespace(affine=affine, original_hw=hw, path="a.png") for _ in images])


def predict(images, tta=BOTH, execute=lopsided):
    return augmented_predictor(execute, tta, DECODERS, 8)(batch_of(images))


def image(seed=0, hw=(32, 64)):
    return torch.randint(0, 256, (2, 3, *hw), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def with_a_car(left):
    images = torch.zeros((1, 3, 32, 64), dtype=torch.uint8)
    images[:, 0, 8:16, left:left + 8] = 255
    return images


def test_a_mirrored_view_is_turned_back_and_averaged():
    images = image()
    plain, mirrored = lopsided(images)["seg"], lopsided(images.flip(3))["seg"]
    mean = (plain["logits"].softmax(1) + mirrored["logits"].flip(3).softmax(1)) / 2
    averaged = mean_logits([View((32, 64), False), View((32, 64), True)], [plain, mirrored])
    torch.testing.assert_close(averaged["logits"].exp(), mean)
    for one, other in zip(predict(images), predict(images.flip(3)), strict=True):  # which way round makes no difference
        np.testing.assert_array_equal(one.label_maps["seg"], other.label_maps["seg"][:, ::-1])
        np.testing.assert_allclose(one.classifications["scene"].probabilities, other.classifications["scene"].probabilities, rtol=1e-6)


@pytest.mark.parametrize("left", [8, 24, 48])
@pytest.mark.parametrize("tta", [BOTH, TestTimeAugmentation(False, (2.0,)), TestTimeAugmentation(True, (0.5, 2.0))])
def test_a_box_of_all_views_is_one_and_where_the_object_is(left, tta):
    seen = predict(with_a_car(left), tta)[0].detections["det"]
    x1, y1, x2, y2 = seen.boxes[seen.scores.argmax()]
    assert (x1 + x2) / 2 == pytest.approx(left + 4, abs=4)
    assert (y1 + y2) / 2 == pytest.approx(12, abs=4)
    if not tta.scales:
        np.testing.assert_allclose(seen.boxes, [[left - 4, 4, left + 12, 20]])


def test_a_smaller_view_finds_what_is_too_large_for_the_own():
    def near_sighted(images):
        raw = lopsided(images)
        return raw if images.shape[2] == 16 else {**raw, "det": {**raw["det"], "cls_s8": torch.full_like(raw["det"]["cls_s8"], -9)}}

    images = torch.zeros((1, 3, 32, 64), dtype=torch.uint8)
    images[:, 0, 16:32, 16:32] = 255
    assert not len(predict(images, BOTH, near_sighted)[0].detections["det"].boxes)
    seen = predict(images, TestTimeAugmentation(True, (0.5,)), near_sighted)[0].detections["det"]
    np.testing.assert_allclose(seen.boxes, [[8, 8, 40, 32]])  # a cell of 8x8 there is one of 16x16 here; clipped to the image


def found(boxes, scores, labels):
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return DecodedBoxes(corners, torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def test_boxes_of_one_object_are_averaged_and_what_one_view_alone_sees_is_less_sure():
    first = found([[10, 10, 30, 30], [50, 10, 60, 20], [5, 5, 5, 9]], [0.9, 0.8, 0.7], [0, 0, 0])
    second = found([[12, 10, 32, 30], [12, 10, 32, 30]], [0.3, 0.6], [0, 1])
    mean = mean_boxes([first, second], BoxDecoder(nms_iou=0.5))
    torch.testing.assert_close(mean.scores, torch.tensor([0.6, 0.4, 0.3, 0.0]))
    assert mean.labels.tolist() == [0, 0, 1, 0]
    torch.testing.assert_close(mean.boxes[:3], torch.tensor([[10.5, 10, 30.5, 30], [50, 10, 60, 20], [12, 10, 32, 30]]))
    assert torch.isfinite(mean.boxes).all()  # the last has no area
    assert mean_boxes([first, second], BoxDecoder(nms_iou=0.5, top_k=1)).labels.tolist() == [0]
    nothing = found([], [], [])
    assert len(mean_boxes([nothing, nothing], BoxDecoder()).boxes) == 0
    torch.testing.assert_close(mean_boxes([nothing, second], BoxDecoder()).scores, torch.tensor([0.3, 0.15]))


def test_other_sizes_are_brought_back_to_the_map_of_the_own():
    flat = torch.full((1, 3, 32, 64), 0, dtype=torch.uint8)
    flat[:, 1, :, 32:] = 200  # right half: class 1
    sizes = []

    def execute(images):
        sizes.append(tuple(images.shape[2:]))
        return lopsided(images)

    predictions = predict(flat, TestTimeAugmentation(True, (0.5, 1.4)), execute)
    assert sizes == [(32, 64), (32, 64), (16, 32), (16, 32), (48, 88), (48, 88)]
    labels = predictions[0].label_maps["seg"]
    assert labels.shape == (32, 64)
    assert (labels[:, 36:60] == 1).all()


def test_a_size_is_a_multiple_of_the_stride():
    assert [view.hw for view in TestTimeAugmentation(False, (0.6, 0.01)).views((32, 64), 16)] == [(32, 64), (16, 32), (16, 16)]
    flat = torch.full((1, 3, 48, 48), 7, dtype=torch.uint8)
    assert torch.equal(View((48, 48), False).of(flat[..., :32, :32]), flat)


def test_outputs_that_are_not_finite_are_told_in_any_view():
    def diverged(images):
        raw = lopsided(images)
        return raw if images.shape[2] == 32 else {**raw, "scene": {"logits": raw["scene"]["logits"] * float("nan")}}

    with pytest.raises(UserError, match=r"a\.png: the network's output 'scene\.logits' is not finite here"):
        predict(image(), TestTimeAugmentation(False, (0.5,)), diverged)


def test_what_is_given_is_read():
    assert TestTimeAugmentation.parse(["flip", "0.75", "1.25"]) == TestTimeAugmentation(True, (0.75, 1.25))
    assert TestTimeAugmentation.parse(["2"]) == TestTimeAugmentation(False, (2.0,))
    for word in ("flipp", "1", "0", "nan", "9"):
        with pytest.raises(UserError, match=f"^--tta {word}: "):
            TestTimeAugmentation.parse([word])
