import numpy as np
import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.export.load import network_outputs
from mtzoo.postprocess import to_prediction
from mtzoo.runtime import DeployModel
from tests.export.helpers import GEOMETRY, NETWORK_RUNTIMES, TASKS, export


def photo(hw=(144, 180), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3), dtype=np.uint8)


def reference(net, image):
    batch = torch.from_numpy(GEOMETRY.apply(image)).permute(2, 0, 1)[None]
    hw = image.shape[:2]
    decoders = {name: task.decoder for name, task in TASKS.items()}
    return to_prediction(network_outputs(net, batch), [GEOMETRY.affine(hw)], [hw], decoders)[0]


def check(found, expected):
    np.testing.assert_array_equal(found.label_maps["seg"], expected.label_maps["seg"])
    assert len(expected.detections["det"].boxes) > 0
    for have, want in zip(found.detections["det"], expected.detections["det"]):
        np.testing.assert_allclose(have, want, atol=1e-3)


@pytest.mark.parametrize("executor", NETWORK_RUNTIMES)
def test_predictions_are_in_pixels_of_the_photo(frozen, model_path, executor):
    model = DeployModel.load(model_path, executor=executor, threads=1)
    for hw in ((144, 180), (90, 200)):
        found = model.predict(photo(hw))
        assert found.label_maps["seg"].shape == hw
        check(found, reference(frozen, photo(hw)))


def test_a_file_of_raw_maps_predicts_the_same(frozen, tmp_path):
    export(frozen, tmp_path / "raw.onnx", 2, postprocess=False)
    model = DeployModel.load(tmp_path / "raw.onnx", executor="onnxruntime", threads=1)
    check(model.predict(photo()), reference(frozen, photo()))


def test_classes_and_outputs(model_path):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    assert model.classes == {"det": ("blue", "yellow"), "seg": ("sky", "ground", "thing")}
    outputs = model.run(np.zeros((1, 3, 64, 96), np.uint8), np.array([[144, 180]]))
    assert set(outputs) == {"det.boxes", "det.scores", "det.classes", "det.count", "seg.labels"}


@pytest.mark.parametrize("images", [np.zeros((1, 3, 32, 96), np.uint8), np.zeros((1, 3, 64, 96), np.float32)])
def test_images_of_another_kind(model_path, images):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    with pytest.raises(UserError, match=r"the model reads uint8 \(1, 3, 64, 96\)"):
        model.run(images, np.array([[144, 180]]))
