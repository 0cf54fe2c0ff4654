"""Boxes inside the graph against the torch reference, with many equal scores: their order is part of the promise."""

import numpy as np
import pytest
import torch

from mtzoo.export.boxes import IM_HW, BoxEmitter
from mtzoo.export.builder import GraphBuilder
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess import BoxDecoder, decode_detections, to_original
from mtzoo.runtime import build_executor
from tests.export.helpers import GEOMETRY, RUNTIMES

ORIGINALS = [(144, 180), (100, 300), (1080, 1350)]


def shapes_of(classes, strides, hw=(64, 96)):
    sizes = {s: (hw[0] // s, hw[1] // s) for s in strides}
    return {f"{kind}_s{s}": (1, channels, *size) for s, size in sizes.items() for kind, channels in (("cls", classes), ("box", 4))}


def emit(shapes, decoder, geometry: DeployGeometry = GEOMETRY):
    builder = GraphBuilder()
    for name, shape in shapes.items():
        builder.add_input(name, np.float32, shape)
    builder.add_input(IM_HW, np.float32, (1, 2))
    BoxEmitter(builder, "det", {name: name for name in shapes}, shapes, decoder, geometry).emit()
    return builder.model("boxes")


def random_maps(shapes, seed, *, steps=6, offset=-3.0):
    """Logits on a coarse grid, so that many are equal; raw distances of small and large boxes."""
    rng = np.random.default_rng(seed)
    return {name: (rng.integers(-steps, steps, shape) / 2 + offset if name.startswith("cls") else rng.normal(0.5, 0.6, shape))
            .astype(np.float32) for name, shape in shapes.items()}


def check(outputs, maps, decoder, original_hw, geometry=GEOMETRY):
    """Compare with the reference; returns the number of boxes."""
    decoded = decode_detections({name: torch.from_numpy(value) for name, value in maps.items()}, decoder)[0]
    wanted = to_original(decoded, geometry.view(original_hw).affine, original_hw)
    count = int(outputs["det.count"][0])
    boxes, scores, classes = (outputs[f"det.{key}"][0] for key in ("boxes", "scores", "classes"))
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
