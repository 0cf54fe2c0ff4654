"""The class of the image in the file: argmax of exact logits, the same everywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.export import ExportSpec, export_model
from mtzoo.deploy.image_class import emit_image_class
from mtzoo.deploy.info import TaskInfo
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.models import build_network
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import ClassDecoder
from mtzoo.postprocess.image_class import classify
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from mtzoo.runtime.answers import has_answers
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import verify
from tests.deploy.helpers import NETWORK_RUNTIMES, RUNTIMES, run_model
from tests.tiny import BACKBONE, BLOCKS, HW, NECK


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_lowest_class_among_equals_wins(runtime):
    logits = np.random.default_rng(0).integers(-3, 4, (16, 7, 1, 1)).astype(np.float32)
    builder = GraphBuilder()
    builder.add_input("cls.logits", np.float32, logits.shape)
    builder.op("Mul", ["cls.logits", builder.float(1.0)], "cls.seen")
    emit_image_class(builder, "cls", "cls.seen", logits.shape)
    found = run_model(builder.model("test"), {"cls.logits": logits}, runtime)
    wanted = [classify(row.ravel(), ClassDecoder()).label for row in logits]
    assert found["cls.class"].dtype == np.int32
    assert found["cls.class"].tolist() == wanted
    assert len(set(wanted)) > 3


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network of one classification task as step 3 leaves it, and its file."""
    torch.manual_seed(0)
    graph = (NodeSpec("backbone", BACKBONE.type, params={**BACKBONE.params, "blocks": BLOCKS}), NECK,
             NodeSpec("cls_head", "ClassificationHead", ("neck",), {"num_classes": 3, "channels": 16}))
    net = build_network({"cls": graph})
    torch.nn.init.normal_(net.nodes["cls_head"].classify.conv.weight)
    images = normalize_image(torch.randint(0, 256, (2, 3, *HW), dtype=torch.uint8))
    net(images)
    prepare(net.eval())
    calibrate(net, [images])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    path = tmp_path_factory.mktemp("classes") / "classes.onnx"
    tasks = {"cls": TaskInfo("classification", ("day", "dusk", "night"), ClassDecoder(temperature=2.0))}
    geometry = DeployGeometry(resized_hw=HW, drop_top=0, input_hw=HW)
    info = export_model(net, ExportSpec(3, tasks, geometry, {"cls": graph}, {"name": "t"}, "0" * 16), path, postprocess=True)
    return net, info, path


def photos():
    return list(np.random.default_rng(1).integers(0, 256, (3, 70, 110, 3), dtype=np.uint8))


def test_the_file_says_class_and_logits_and_needs_no_size(exported):
    _, info, _ = exported
    assert info.integer
    assert {tensor.name: tensor.shape for tensor in info.outputs} == {"cls.class": (1,), "cls.logits": (1, 3, 1, 1)}
    assert [tensor.name for tensor in info.inputs] == ["image"]
    assert has_answers(info)  # so that `bench` gives the float networks the same post-processing
    assert not has_answers(replace(info, outputs=info.outputs[1:]))


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_predict_names_the_class(exported, runtime):
    net, _, path = exported
    model, photo = DeployModel(path, runtime, 1), photos()[0]
    result = model.predict(photo)
    shown = torch.from_numpy(model.info.geometry.view(photo.shape[:2]).show(photo)).permute(2, 0, 1)[None]
    with torch.no_grad():
        logits = net(normalize_image(shown))["cls"]["logits"]
    wanted = classify(logits.numpy().ravel(), ClassDecoder(temperature=2.0))
    found = result.image_labels["cls"]
    assert (found.label, found.score) == (("day", "dusk", "night")[wanted.label], wanted.score)
    assert list(found.scores) == ["day", "dusk", "night"]
    assert sum(found.scores.values()) == pytest.approx(1)
    assert (result.plot() != photo).any()


@pytest.mark.slow
def test_every_executor_gives_the_same_integers(exported):
    report = verify(exported[2], photos())
    assert report.mismatches == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert report.executors["openvino"].values == {"cls.logits": 9, "cls.class": 3}
