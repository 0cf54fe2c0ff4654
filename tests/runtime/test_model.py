from dataclasses import replace

import numpy as np
import pytest
import torch

from mtzoo.deploy.export import export_model
from mtzoo.deploy.load import network_outputs
from mtzoo.errors import UserError
from mtzoo.ops.color import decode, encode
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import verify
from tests.deploy.helpers import GEOMETRY, HW, NETWORK_RUNTIMES, TASKS, export, spec


def photo(hw=(144, 180), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3), dtype=np.uint8)


def feeds(images):
    return {"image": images, "im_hw": np.array([[144, 180]], np.float32)}


def reference(net, image):
    hw = image.shape[:2]
    return reference_of_input(net, GEOMETRY.view(hw).show(image), hw)


def reference_of_input(net, shown, hw, to_input=None):
    batch = torch.from_numpy(shown).permute(2, 0, 1)[None]
    decoders = {name: task.decoder for name, task in TASKS.items()}
    to_input = GEOMETRY.view(hw).affine if to_input is None else to_input
    return to_prediction(network_outputs(net, batch), [to_input], [hw], decoders)[0]


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
    outputs = model.run(feeds(np.zeros((1, 3, 64, 96), np.uint8)))
    assert set(outputs) == {"det.boxes", "det.scores", "det.classes", "det.count", "seg.labels"}


@pytest.mark.parametrize("images", [np.zeros((1, 3, 32, 96), np.uint8), np.zeros((1, 3, 64, 96), np.float32)])
def test_images_of_another_kind(model_path, images):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    with pytest.raises(UserError, match=r"the model reads uint8 \(1, 3, 64, 96\)"):
        model.run(feeds(images))


def test_inputs_that_are_missing(model_path):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    with pytest.raises(UserError, match=r"inputs image; the model reads image, im_hw"):
        model.run({"image": np.zeros((1, 3, 64, 96), np.uint8)})


def test_a_model_of_the_whole_image_has_no_window(model_path):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    with pytest.raises(UserError, match="sees the whole image"):
        model.at(CropWindow((5, 5), (10, 10)))


@pytest.mark.parametrize(("executor", "kind", "layout"), [
    *[("onnxruntime", kind, "nchw") for kind in ("rgb", "yuv444", "nv12")],
    *[("onnxruntime", kind, "nhwc") for kind in ("bgr", "rgb", "yuv444")],
    pytest.param("openvino", "nv12", "nchw", marks=pytest.mark.slow),
    pytest.param("openvino", "bgr", "nhwc", marks=pytest.mark.slow),
    *[pytest.param("openvino", kind, "nchw", marks=pytest.mark.thorough) for kind in ("rgb", "yuv444")],
    *[pytest.param("openvino", kind, "nhwc", marks=pytest.mark.thorough) for kind in ("rgb", "yuv444")]])
def test_other_inputs_are_what_the_network_sees(frozen, tmp_path, kind, layout, executor):
    path = tmp_path / f"{kind}.onnx"
    info = export_model(frozen, replace(spec(3), input_format=kind, input_layout=layout), path, postprocess=True)
    assert info.inputs[0].shape[1:3] == (HW if layout == "nhwc" else (1, HW[0]) if kind == "nv12" else (3, HW[0]))
    report = verify(path, [photo(), photo((90, 200), seed=1)]) if executor == "openvino" else None
    assert report is None or report.passed
    model = DeployModel.load(path, executor=executor, threads=1)
    shown = GEOMETRY.view((144, 180)).show(photo())
    seen = decode(encode(shown, kind), kind)[0].transpose(1, 2, 0)
    found, expected = model.predict_input(shown, (144, 180)), reference_of_input(frozen, seen, (144, 180))
    check(found, expected)


@pytest.mark.parametrize("executor", NETWORK_RUNTIMES)
def test_a_crop_s_boxes_are_in_pixels_of_the_photo(frozen, tmp_path, executor):
    geometry = DeployGeometry(HW, window=CropWindow((70, 60), (144, 180)))
    export_model(frozen, replace(spec(3), geometry=geometry), tmp_path / "crop.onnx", postprocess=True)
    model = DeployModel.load(tmp_path / "crop.onnx", executor=executor, threads=1)
    assert [tensor.name for tensor in model.info.inputs] == ["image", "im_hw", "crop_xy"]
    for moved, window in ((model, geometry.window), (model.at(CropWindow((110, 90), (144, 180))), CropWindow((110, 90), (144, 180)))):
        view = replace(geometry, window=window).view((144, 180))
        found = moved.predict(photo())
        check(found, reference_of_input(frozen, view.show(photo()), (144, 180), view.affine))
        assert found.detections["det"].boxes[:, 0].min() >= view.left
        outside = np.ones((144, 180), bool)
        outside[view.top:view.top + HW[0], view.left:view.left + HW[1]] = False
        assert (found.label_maps["seg"][outside] == 0).all()
    if executor == "openvino":
        assert verify(tmp_path / "crop.onnx", [photo()]).passed


def test_a_path_may_be_text(model_path):
    assert DeployModel.load(str(model_path), executor="onnxruntime", threads=1).classes["det"] == ("blue", "yellow")


@pytest.mark.parametrize(("image", "said"), [
    (None, r"image is None: .*cv2\.imread"), (b"photo.jpg", "image is a bytes"), ([[1]], "image is a list"),
    (torch.zeros(3, 4, 4), "image is a Tensor"), (np.zeros((9, 9), np.uint8), r"uint8 \(9, 9\): .*COLOR_GRAY2BGR"),
    (np.zeros((9, 9, 1), np.uint8), "COLOR_GRAY2BGR"), (np.zeros((9, 9, 4), np.uint8), "COLOR_BGRA2BGR"),
    (np.zeros((9, 9, 3), np.float32), r"float32 \(9, 9, 3\): .*as uint8"), (np.zeros((0, 9, 3), np.uint8), r"uint8 \(0, 9, 3\)"),
    (np.zeros((1, 9, 9, 3), np.uint8), "one image at a time"), (np.zeros((9, 9, 3), np.int16), "as uint8"),
    (np.zeros((3, 9, 9), np.uint8), r"\(3, 9, 9\)"), (np.array(None), "object"), (np.zeros((9, 9, 3), bool), "bool"),
])
def test_what_is_no_image(model_path, image, said):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    for look in (model.predict, lambda value: model.predict_input(value, (9, 9))):
        with pytest.raises(UserError, match=said):
            look(image)


def test_inputs_that_are_no_arrays(model_path):
    model = DeployModel.load(model_path, executor="onnxruntime", threads=1)
    with pytest.raises(UserError, match="input 'image' is a NoneType; expected a NumPy array"):
        model.run(feeds(None))


@pytest.mark.parametrize(("arguments", "said"), [({"threads": 0}, "threads=0"), ({"threads": "2"}, "threads='2'"),
                                                 ({"executor": None}, "executor 'None'")])
def test_arguments_that_cannot_be(model_path, arguments, said):
    with pytest.raises(UserError, match=said):
        DeployModel.load(model_path, **arguments)
