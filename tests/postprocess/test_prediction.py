import numpy as np
import torch

from mtzoo.ops.affine import scale_shift
from mtzoo.ops.boxes import encode_distances
from mtzoo.postprocess.boxes import DecodedBoxes
from mtzoo.postprocess.decoders import BoxDecoder, LabelMapDecoder
from mtzoo.postprocess.prediction import to_original, to_prediction

TO_INPUT = scale_shift(0.5, 0.5, 0.0, -8.0)  # halved, the top 16 rows of the original dropped
ORIGINAL_HW = (144, 180)  # 64 x 90 of the 64 x 96 input, the rest is padding


def test_boxes_and_label_maps_come_back_in_original_pixels():
    box = torch.tensor([[20.0, 10.0, 70.0, 50.0]])  # input pixels
    cls, raw = torch.full((1, 1, 4, 6), -10.0), torch.zeros(1, 4, 4, 6)
    cls[0, 0, 1, 2] = 2.0
    raw[0, :, 1, 2] = encode_distances(box, torch.tensor([[40.0, 24.0]]), torch.tensor([16.0]))[0]
    logits = torch.zeros(1, 2, 16, 24)
    logits[:, 1, 8:] = 1.0  # class 1 below input row 32 = original row 80
    outputs = {"det": {"cls_s16": cls, "box_s16": raw}, "seg": {"logits": logits}}
    prediction, = to_prediction(outputs, [TO_INPUT], [ORIGINAL_HW], {"det": BoxDecoder(), "seg": LabelMapDecoder(upsample=1)})
    np.testing.assert_allclose(prediction.detections["det"].boxes, [[40.0, 36.0, 140.0, 116.0]], atol=1e-4)
    labels = prediction.label_maps["seg"]
    assert labels.shape == ORIGINAL_HW
    assert labels.dtype == np.uint8
    assert (labels[:80] == 0).all()
    assert (labels[80:] == 1).all()


def test_boxes_are_clipped_to_the_original_and_those_in_the_padding_go():
    decoded = DecodedBoxes(torch.tensor([[80.0, 10.0, 96.0, 20.0], [91.0, 10.0, 96.0, 20.0]]), torch.tensor([0.9, 0.8]),
                           torch.tensor([0, 1]))
    found = to_original(decoded, TO_INPUT, ORIGINAL_HW)
    assert found.boxes.tolist() == [[160.0, 36.0, 180.0, 56.0]]
    assert found.labels.tolist() == [0]
    assert found.boxes.dtype == found.scores.dtype == np.float32
