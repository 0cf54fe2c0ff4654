"""Models of several images at once: the same answers as one by one."""

from dataclasses import replace

import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.export import export_model
from mtzoo.errors import UserError
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.postprocess.merge import MergeRule
from mtzoo.runtime.feeds import feeds_for
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from mtzoo.runtime.verify import verify
from tests.deploy.helpers import HW, NETWORK_RUNTIMES, spec
from tests.runtime.test_model import photo

SIZES = [(144, 180), (90, 200), (300, 100), (144, 180), (64, 96)]


@pytest.fixture(scope="module")
def batch_path(frozen, tmp_path_factory):
    path = tmp_path_factory.mktemp("batch") / "three.onnx"
    export_model(frozen, replace(spec(3), batch=3), path, postprocess=True, keep_raw=True)
    return path


def load(path, executor="onnxruntime"):
    return DeployModel.load(path, executor=executor, threads=1)


def check_equal(found, wanted):
    np.testing.assert_array_equal(found.label_maps["seg"], wanted.label_maps["seg"])
    for have, want in zip(found.detections["det"], wanted.detections["det"], strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("executor", NETWORK_RUNTIMES)
def test_five_images_three_at_once_are_those_of_single_runs(model_path, batch_path, executor):
    photos = [photo(hw, seed) for seed, hw in enumerate(SIZES)]
    model, single = load(batch_path, executor), load(model_path, executor)
    found = model.predict(photos)
    assert sum(len(prediction.detections["det"].boxes) for prediction in found) > len(SIZES)
    for prediction, image in zip(found, photos, strict=True):
        check_equal(prediction, single.predict(image))
    check_equal(model.predict(photos[1]), found[1])
    check_equal(single.predict(photos)[2], found[2])


def test_the_shapes_are_those_of_three_images(batch_path):
    model = load(batch_path)
    outputs = model.run(feeds_for(model.info, np.zeros((*HW, 3), np.uint8), HW))
    assert model.info.batch == 3
    assert {name: value.shape for name, value in outputs.items() if "." in name and "_s" not in name} == {
        "seg.logits": (3, 3, 16, 24), "seg.labels": (3, 1, 32, 48), "det.boxes": (3, 20, 4), "det.scores": (3, 20),
        "det.classes": (3, 20), "det.count": (3,)}
    with pytest.raises(UserError, match=r"image' is uint8 \(1, 3, 64, 96\); the model reads uint8 \(3, 3, 64, 96\)"):
        model.run({"image": np.zeros((1, 3, *HW), np.uint8), "im_hw": np.ones((3, 2), np.float32)})


@pytest.mark.slow
def test_verify_counts_each_image_once(batch_path):
    done = []
    report = verify(batch_path, [photo(hw, seed) for seed, hw in enumerate(SIZES[:4])], on_image=done.append)
    assert (report.images, done) == (4, [1, 2, 3, 4])
    assert report.passed
    assert report.executors["openvino"].values["seg.labels"] == 4 * 32 * 48
    assert report.executors["onnxruntime"].values["det.boxes"] > 4


@pytest.mark.slow
def test_a_window_and_pixels_in_their_own_order(frozen, model_path, tmp_path):
    window = replace(spec(3), geometry=DeployGeometry(HW, window=CropWindow((70, 60), (144, 180))))
    for name, changed in (("one", window), ("two", replace(window, batch=2, input_layout="nhwc"))):
        export_model(frozen, changed, tmp_path / f"{name}.onnx", postprocess=True)
    photos = [photo((144, 180), 7), photo((200, 160), 8)]
    single, both = load(tmp_path / "one.onnx"), load(tmp_path / "two.onnx")
    for found, image in zip(both.predict(photos), photos, strict=True):
        check_equal(found, single.predict(image))
    with pytest.raises(UserError, match="several images at once; export it without --batch"):
        ModelPair(load(model_path), both, MergeRule())


def test_a_batch_that_cannot_be(frozen, tmp_path):
    for batch in (0, 17):
        with pytest.raises(UserError, match=f"batch={batch}: expected 1 to 16 images"):
            export_model(frozen, replace(spec(3), batch=batch), tmp_path / "no.onnx", postprocess=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_bench_tells_the_time_of_an_image(batch_path, capsys):
    assert main(["bench", str(batch_path), "--threads", "1", "--runs", "1"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "batch 3, 1 interleaved run" in printed
    assert "ms an image, 3 at once" in printed
