from dataclasses import replace

import numpy as np
import pytest

from mtzoo.deploy.export import export_model
from mtzoo.deploy.info import TaskInfo
from mtzoo.errors import UserError
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.postprocess.merge import MergeRule, merge
from mtzoo.runtime.bench_pair import bench_pair
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from tests.deploy.helpers import HW, TASKS, spec
from tests.runtime.test_model import photo

WINDOW = CropWindow((70, 60), (144, 180))


@pytest.fixture(scope="module")
def crop_path(frozen, tmp_path_factory):
    path = tmp_path_factory.mktemp("crop") / "crop.onnx"
    export_model(frozen, replace(spec(3), geometry=DeployGeometry(HW, window=WINDOW)), path, postprocess=True)
    return path


def load(path):
    return DeployModel.load(path, executor="onnxruntime", threads=1)


def test_both_see_the_original_and_are_merged(model_path, crop_path):
    pair = ModelPair(load(model_path), load(crop_path), MergeRule())
    assert pair.window((144, 180)) == (22, 28, 118, 92)
    found = pair.predict_each(photo())
    expected = merge(load(model_path).predict(photo()), load(crop_path).predict(photo()), (22, 28, 118, 92))
    for prediction in (found.merged, pair.predict(photo())):
        for have, want in zip(prediction.detections["det"], expected.detections["det"]):
            np.testing.assert_array_equal(have, want)
        np.testing.assert_array_equal(prediction.label_maps["seg"], expected.label_maps["seg"])
    assert 0 < len(found.merged.detections["det"].boxes) < sum(
        len(p.detections["det"].boxes) for p in (found.resize, found.crop))


def test_the_two_cannot_be_taken_for_each_other(model_path, crop_path):
    with pytest.raises(UserError, match="--resize names a model that sees a window"):
        ModelPair(load(crop_path), load(crop_path), MergeRule())
    with pytest.raises(UserError, match="--crop names a model that sees the whole image"):
        ModelPair(load(model_path), load(model_path), MergeRule())


def test_classes_have_to_be_the_same(frozen, model_path, tmp_path):
    tasks = {**TASKS, "det": TaskInfo("detection", ("blue", "green"), TASKS["det"].decoder)}
    export_model(frozen, replace(spec(3), tasks=tasks, geometry=DeployGeometry(HW, window=WINDOW)), tmp_path / "other.onnx",
                 postprocess=True)
    with pytest.raises(UserError, match="task 'det': the resize model's classes are blue, yellow, the crop model's blue, green"):
        ModelPair(load(model_path), load(tmp_path / "other.onnx"), MergeRule())


@pytest.mark.slow
def test_latency_of_the_pair_and_of_the_whole_image(model_path, crop_path):
    rounds = []
    report = bench_pair(ModelPair(load(model_path), load(crop_path), MergeRule()), model_path, photo(), 1, 2, rounds.append)
    assert rounds == [1, 2]
    assert set(report.latency_ms) == {"resize", "crop", "merge", "whole image"}
    assert min(report.latency_ms.values()) > 0
    assert report.pair_ms == sum(ms for name, ms in report.latency_ms.items() if name != "whole image")
    assert report.speedup == report.latency_ms["whole image"] / report.pair_ms
