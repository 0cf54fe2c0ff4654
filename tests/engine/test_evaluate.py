import pickle
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.data.dataset import eval_sets
from mtzoo.data.loader import EvalBatch, collate_eval
from mtzoo.data.pipeline import EvalPipeline
from mtzoo.deploy.export import export_model
from mtzoo.engine import evaluate as shared
from mtzoo.engine.evaluate import (
    CutShort,
    details_of,
    evaluate,
    network_executor,
    network_predictor,
    raw_predictor,
    task_data,
)
from mtzoo.engine.ptq import integer_checkpoint
from mtzoo.engine.stages import network_at, quantization_of
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.models import build_network
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.quantization import QConfig, calibrate, fold_bn, prepare, set_observing
from mtzoo.recipes.models import export_spec
from mtzoo.runtime.model import DeployModel
from mtzoo.signals import Stop
from mtzoo.structures import Detections, Prediction
from tests.quantization.helpers import randomize
from tests.tiny import HW, config_values, tiny_config, tiny_graphs, write_images


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("evaluate") / "data")


def truthful(batch):
    """Predicts what is labelled."""
    return [Prediction({task: Detections(b.xyxy, np.ones(len(b.xyxy), np.float32), b.labels) for task, b in sample.boxes.items()},
                       dict(sample.masks)) for sample in batch.samples]


def test_the_truth_scores_a_hundred(root):
    metrics = evaluate(truthful, tiny_config(root))
    assert metrics["seg/mIoU"] == 100.0
    assert metrics["det/AP"] == pytest.approx(100.0)
    assert metrics["seg/IoU/thing"] == 100.0
    assert metrics["det/AP50/yellow"] == pytest.approx(100.0)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 7])
def test_a_limit_is_the_same_images_of_each_folder_for_every_batch_size(root, batch_size, workers):
    seen, config = [], tiny_config(root)

    def watched(batch):
        seen.extend(sample.path.stem for sample in batch.samples)
        return truthful(batch)

    config = replace(config, env=replace(config.env, workers=workers))
    metrics = evaluate(watched, config, batch_size=batch_size, limit=3)
    assert seen == ["0", "1", "2"]  # one folder serves both tasks and is read once
    assert metrics == pytest.approx(evaluate(truthful, config, limit=3), nan_ok=True)
    evaluate(watched, config, batch_size=batch_size, limit=99)
    assert len(seen) == 3 + 6


def noisy(batch):
    """Predicts masks and many boxes of equal scores, by what the image shows: their order counts."""
    found = []
    for sample, image in zip(batch.samples, batch.images.numpy()):
        rng = np.random.default_rng(int(image.sum()))
        corners = rng.uniform(0, 40, (9, 2)).astype(np.float32)
        boxes = np.concatenate([*(b.xyxy for b in sample.boxes.values()), np.concatenate([corners, corners + 20], axis=1)])
        scores, labels = rng.integers(1, 4, len(boxes)).astype(np.float32) / 4, rng.integers(0, 2, len(boxes))
        mask = rng.integers(0, 3, sample.original_hw).astype(np.uint8)
        found.append(Prediction({"det": Detections(boxes, scores, labels)}, {"seg": mask}))
    return found


@pytest.mark.parametrize("batch_size", [1, 2])
def test_processes_that_share_the_images_find_what_one_finds(root, monkeypatch, batch_size):
    """Each takes every third batch, and sends what it found to the first."""
    config, sent, shares = tiny_config(root), [], []

    def watched(batch):
        shares[-1] += len(batch.samples)
        return noisy(batch)

    def run(rank):
        shares.append(0)
        monkeypatch.setattr(shared, "rank", lambda: rank)
        monkeypatch.setattr(shared, "is_main", lambda: rank == 0)
        details = details_of(config)
        return evaluate(watched, config, batch_size=batch_size, details=details, spread=True), details

    alone = details_of(config)
    metrics = evaluate(noisy, config, batch_size=batch_size, details=alone)
    monkeypatch.setattr(shared, "world_size", lambda: 3)
    monkeypatch.setattr(shared, "from_main", lambda value: value)
    monkeypatch.setattr(shared, "gather", lambda parts: sent.append(pickle.dumps(parts)) or [])
    assert [run(rank)[0] for rank in (2, 1)] == [None, None]
    monkeypatch.setattr(shared, "gather", lambda parts: [parts, *(pickle.loads(each) for each in reversed(sent))])
    found, details = run(0)
    assert sum(shares) == 6
    assert min(shares) > 0
    np.testing.assert_equal(found, metrics)
    assert {task: each.values() for task, each in details.tasks.items()} == {task: each.values() for task, each in alone.tasks.items()}
    assert [each.worst(9) for each in details.tasks.values()] == [each.worst(9) for each in alone.tasks.values()]


def test_a_signal_cuts_an_evaluation_short(root):
    stop, seen = Stop(""), []

    def predict(batch):
        stop.number = signal.SIGTERM
        return seen.append(batch) or truthful(batch)

    with pytest.raises(CutShort):
        evaluate(predict, tiny_config(root), batch_size=1, stop=stop)
    assert len(seen) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(root, limit):
    with pytest.raises(UserError, match=f"limit={limit}.*at least 1"):
        evaluate(truthful, tiny_config(root), limit=limit)


def test_splits_name_their_own_sources(root):
    values = config_values(root, ["seg"])
    values["sources"]["other"] = {**values["sources"]["masks"], "weight": 0.5}
    values["tasks"]["seg"]["val"] = ["other"]

    config = config_from_dict(values)
    assert [s.name for s in task_data(config, "train")[0].sources] == ["masks"]
    assert [s.name for s in task_data(config, "val")[0].sources] == ["other"]


def test_an_executor_takes_bytes_and_a_predictor_gives_original_pixels(root):
    config = tiny_config(root)
    execute = network_executor(build_network(tiny_graphs()).eval(), torch.device("cpu"))
    batch: EvalBatch = collate_eval([eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))[0].dataset[0]])
    with torch.no_grad():
        prediction = raw_predictor(execute, {task.name: task.decoder for task in config.tasks})(batch)[0]
    assert prediction.label_maps["seg"].shape == HW
    assert set(prediction.detections) == {"det"}


def test_a_fake_quant_network_is_evaluated_with_the_labels_of_its_deploy_model(root, tmp_path):
    """Also where its logits are too large to be enlarged as they are."""
    config = tiny_config(root, ["seg"])
    config = replace(config, tasks=(replace(config.tasks[0], labels=LabelMapDecoder(upsample=4)),),
                     quantization=QConfig(head_output="accumulator"))
    net = network_at(config, 0, quantized=False)
    batch = collate_eval(list(eval_sets(task_data(config, "val"), EvalPipeline(config.deploy_geometry))[0].dataset)[:2])
    randomize(net, normalize_image(batch.images))
    prepare(net, quantization_of(config))
    calibrate(net, [normalize_image(batch.images)])
    fold_bn(net, ["nodes.*"])
    with torch.no_grad():
        net.nodes["seg_head"].classify.conv.bias.add_(2.0**12)
    set_observing(net, False)
    predicted = network_predictor(net.eval(), config, torch.device("cpu"))(batch)
    integer_checkpoint(net, config)
    info = export_model(net, export_spec(config, 3), tmp_path / "m.onnx", postprocess=True)
    assert info.tasks["seg"].decoder.logit_exponent is not None
    model = DeployModel.load(tmp_path / "m.onnx", "onnxruntime", 1)
    for sample, prediction in zip(batch.samples, predicted):
        assert len(np.unique(prediction.label_maps["seg"])) > 1
        found = model.predict_input(sample.image, sample.original_hw)
        np.testing.assert_array_equal(found.label_maps["seg"], prediction.label_maps["seg"])
