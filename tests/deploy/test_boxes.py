"""Boxes inside the graph against the torch reference, with many equal scores: their order is part of the promise."""

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from mtzoo.deploy.boxes import DetectionMaps, emit_boxes
from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.check_graph import check_graph
from mtzoo.deploy.info import IM_HW
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.boxes import decode_detections
from mtzoo.postprocess.decoders import BoxDecoder
from mtzoo.postprocess.prediction import to_original
from mtzoo.runtime.executors import build_executor
from tests.deploy.helpers import GEOMETRY, RUNTIMES

ORIGINALS = [(144, 180), (100, 300), (1080, 1350)]


def shapes_of(classes, strides, hw=(64, 96)):
    sizes = {s: (hw[0] // s, hw[1] // s) for s in strides}
    return {f"{kind}_s{s}": (1, channels, *size) for s, size in sizes.items() for kind, channels in (("cls", classes), ("box", 4))}


def emit(shapes, decoder, geometry: DeployGeometry = GEOMETRY):
    builder = GraphBuilder()
    for name, shape in shapes.items():
        builder.add_input(name, np.float32, shape)
    builder.add_input(IM_HW, np.float32, (1, 2))
    emit_boxes(builder, [DetectionMaps("det", {name: name for name in shapes}, shapes, decoder)], geometry)
    return builder.model("boxes")


def random_maps(shapes, seed, *, steps=6, offset=-3.0):
    """Logits on a coarse grid, so that many are equal; raw distances of small and large boxes."""
    rng = np.random.default_rng(seed)
    return {name: (rng.integers(-steps, steps, shape) / 2 + offset if name.startswith("cls") else rng.normal(0.5, 0.6, shape))
            .astype(np.float32) for name, shape in shapes.items()}


def check(outputs, maps, decoder, original_hw, geometry=GEOMETRY, task="det"):
    """Compare with the reference; returns the number of boxes."""
    decoded = decode_detections({name: torch.from_numpy(value) for name, value in maps.items()}, decoder)[0]
    wanted = to_original(decoded, geometry.view(original_hw).affine, original_hw)
    count = int(outputs[f"{task}.count"][0])
    boxes, scores, classes = (outputs[f"{task}.{key}"][0] for key in ("boxes", "scores", "classes"))
    assert count == len(wanted.boxes)
    assert boxes.shape == (decoder.top_k, 4)
    np.testing.assert_allclose(boxes[:count], wanted.boxes, atol=1e-3)
    np.testing.assert_allclose(scores[:count], wanted.scores, atol=1e-6)
    np.testing.assert_array_equal(classes[:count], wanted.labels)
    assert (boxes[count:] == 0).all()
    assert (scores[count:] == 0).all()
    assert (classes[count:] == -1).all()
    return count


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("classes", "strides", "decoder"), [
    (1, (8, 16, 32), BoxDecoder(pre_nms_top_k=50, top_k=20)),  # more candidates than places
    (2, (8, 16, 32), BoxDecoder(pre_nms_top_k=1000, top_k=100)),  # all locations; rows left over
    (3, (8,), BoxDecoder(score_threshold=0.3, pre_nms_top_k=30, top_k=40, nms_iou=0.3)),  # one level; k below n
    (3, (4, 16), BoxDecoder(pre_nms_top_k=120, top_k=10, nms_iou=0.9)),
])
def test_boxes_are_those_of_the_reference(runtime, classes, strides, decoder):
    shapes = shapes_of(classes, strides)
    executor = build_executor(runtime, emit(shapes, decoder), 1)
    found = 0
    for seed in range(6):
        original_hw = ORIGINALS[seed % len(ORIGINALS)]
        maps = random_maps(shapes, seed)
        found += check(executor.run({**maps, IM_HW: np.array([original_hw], np.float32)}), maps, decoder, original_hw)
    assert found > 30


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_image_without_anything(runtime):
    shapes, decoder = shapes_of(2, (8, 16)), BoxDecoder(pre_nms_top_k=40, top_k=10)
    maps = random_maps(shapes, 0, offset=-20.0)
    outputs = build_executor(runtime, emit(shapes, decoder), 1).run({**maps, IM_HW: np.array([(144, 180)], np.float32)})
    assert check(outputs, maps, decoder, (144, 180)) == 0


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_boxes_wholly_in_the_padding_are_left_out(runtime):
    """An original of half the width: the right half of the input shows nothing of it."""
    shapes, decoder = shapes_of(1, (8,)), BoxDecoder(pre_nms_top_k=96, top_k=96, nms_iou=0.99)
    maps = random_maps(shapes, 1)
    maps["box_s8"][:] = -3.0  # small boxes
    outputs = build_executor(runtime, emit(shapes, decoder), 1).run({**maps, IM_HW: np.array([(144, 90)], np.float32)})
    inside = check(outputs, maps, decoder, (144, 90))
    assert 0 < inside < len(decode_detections({k: torch.from_numpy(v) for k, v in maps.items()}, decoder)[0].boxes)


def test_one_graph_serves_every_original_size():
    shapes, decoder = shapes_of(2, (8, 16)), BoxDecoder(pre_nms_top_k=40, top_k=10)
    executor, maps = build_executor("openvino", emit(shapes, decoder), 1), random_maps(shapes, 3)
    for original_hw in ORIGINALS:
        assert check(executor.run({**maps, IM_HW: np.array([original_hw], np.float32)}), maps, decoder, original_hw)


SEVERAL = {"a": 1, "b": 3, "c": 2}
"""Task -> classes."""


def emit_several(decoders):
    """The graph of the tasks of SEVERAL at two levels, and their shapes."""
    builder, tasks, shapes = GraphBuilder(), [], {}
    for task, classes in SEVERAL.items():
        shapes[task] = shapes_of(classes, (8, 16))
        names = {name: builder.add_input(f"{task}.in.{name}", np.float32, shape) for name, shape in shapes[task].items()}
        tasks.append(DetectionMaps(task, names, shapes[task], decoders[task]))
    builder.add_input(IM_HW, np.float32, (1, 2))
    emit_boxes(builder, tasks, GEOMETRY)
    return builder.model("boxes"), shapes


def feeds_of(maps, original_hw):
    feeds = {f"{task}.in.{name}": value for task, own in maps.items() for name, value in own.items()}
    return {**feeds, IM_HW: np.array([original_hw], np.float32)}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("other", [{}, {"b": BoxDecoder(pre_nms_top_k=70, top_k=40)}], ids=["one decoder", "two decoders"])
def test_several_tasks_are_decoded_as_each_alone(runtime, other):
    """Of different numbers of classes: what one has too few of is never found."""
    decoders = dict.fromkeys(SEVERAL, BoxDecoder(pre_nms_top_k=60, top_k=25)) | other
    model, shapes = emit_several(decoders)
    assert sum(node.op_type == "NonMaxSuppression" for node in model.graph.node) == 1 + len(other)
    executor, found = build_executor(runtime, model, 1), dict.fromkeys(SEVERAL, 0)
    for seed in range(4):
        maps = {task: random_maps(shapes[task], 10 * seed + i) for i, task in enumerate(SEVERAL)}
        outputs = executor.run(feeds_of(maps, ORIGINALS[seed % 3]))
        for task in SEVERAL:
            found[task] += check(outputs, maps[task], decoders[task], ORIGINALS[seed % 3], task=task)
    assert min(found.values()) > 10


def test_every_size_is_fixed():
    """However many boxes NMS keeps."""
    model, _ = emit_several(dict.fromkeys(SEVERAL, BoxDecoder(pre_nms_top_k=60, top_k=25)))
    unknown = {name for name, shape in check_graph(model).items() if None in shape}
    assert unknown <= {node.output[0] for node in model.graph.node if node.op_type == "NonMaxSuppression"}
    thresholds = [node.input[4] for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert [values[name] for name in thresholds] == [0]


def test_no_operator_that_openvino_computes_in_bf16():
    """See the one of label maps."""
    model, _ = emit_several(dict.fromkeys(SEVERAL, BoxDecoder(pre_nms_top_k=60, top_k=25)))
    assert not {node.op_type for node in model.graph.node} & {"Conv", "MatMul", "Resize"}


@pytest.mark.parametrize("offset", [-3.0, -20.0], ids=["boxes", "none"])
def test_opencv_finds_the_same(offset, tmp_path):
    """It refuses thresholds below 0 and sizes that only the run shows."""
    decoders = dict.fromkeys(SEVERAL, BoxDecoder(pre_nms_top_k=60, top_k=25))
    model, shapes = emit_several(decoders)
    onnx.save(model, tmp_path / "boxes.onnx")
    if int(cv2.__version__.partition(".")[0]) < 5:
        pytest.skip("OpenCV before 5 has no operators for it")
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "boxes.onnx"))
    maps = {task: random_maps(shapes[task], i, offset=offset) for i, task in enumerate(SEVERAL)}
    for name, value in feeds_of(maps, ORIGINALS[0]).items():
        net.setInput(value, name)
    names = [output.name for output in model.graph.output]
    outputs = dict(zip(names, net.forward(names)))
    found = [check(outputs, maps[task], decoders[task], ORIGINALS[0], task=task) for task in SEVERAL]
    assert min(found) > 0 if offset == -3.0 else not any(found)
