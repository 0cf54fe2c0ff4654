import pytest

from mtzoo.errors import UserError
from mtzoo.models import NodeSpec, build_network
from mtzoo.models.task_graph import merge_graphs
from tests.tiny import BACKBONE, NECK, detection_head, segmentation_head, tiny_graphs


def test_equal_names_and_specs_are_one_node_and_inputs_come_first():
    merged = merge_graphs({"det": (BACKBONE, NECK, detection_head()), "seg": (BACKBONE, NECK, segmentation_head())})
    assert list(merged) == ["backbone", "neck", "det_head", "seg_head"]
    net = build_network(tiny_graphs())
    assert list(net.nodes) == list(merged)
    assert net.users == {"backbone": ("det", "seg"), "neck": ("det", "seg"), "det_head": ("det",), "seg_head": ("seg",)}
    assert net.heads == {"det": "det_head", "seg": "seg_head"}


def test_one_name_with_two_specs_shows_both():
    other = NodeSpec("backbone", "VarGNetV2", params={"width": 0.5, "group_base": 8})
    with pytest.raises(UserError) as caught:
        merge_graphs({"det": (BACKBONE, NECK, detection_head()), "seg": (other, NECK, segmentation_head())})
    message = str(caught.value)
    assert "node 'backbone' has two specs" in message
    assert "width=0.25" in message
    assert "width=0.5" in message
    assert "'det'" in message
    assert "'seg'" in message


def test_one_name_with_two_inputs_is_refused_too():
    graphs = {"a": (BACKBONE, NECK, detection_head("head")),
              "b": (BACKBONE, NodeSpec("head", "PerLocationDetectionHead", ("backbone",), {"num_classes": 2}))}
    with pytest.raises(UserError, match="node 'head' has two specs"):
        merge_graphs(graphs)


@pytest.mark.parametrize(("graph", "message"), [
    ((BACKBONE, NodeSpec("neck", "UnetNeck", ("backbon",))), "node 'neck': reads 'backbon'.*did you mean 'backbone'"),
    ((NECK, BACKBONE), "node 'neck': reads 'backbone', which no earlier node is called"),
    ((NodeSpec("loop", "UnetNeck", ("loop",)),), "node 'loop': reads 'loop'"),
    ((), "task 'seg': 'nodes' is empty"),
    ((NodeSpec("backbone", "VarGNetV3"), NECK, segmentation_head()), r"node 'backbone'\.type.*'VarGNetV3'; did you mean 'VarGNetV2'"),
    ((NodeSpec("backbone", "VarGNetV2", params={"widht": 0.5}),), r"node 'backbone'\.widht.*did you mean 'width'"),
    ((BACKBONE, NECK, NodeSpec("h", "DenseSegmentationHead", ("neck",))), "node 'h': DenseSegmentationHead needs 'num_classes'"),
    ((NodeSpec("backbone", "VarGNetV2", params={"width": 0.3}),), "node 'backbone': width=0.3"),
    ((NodeSpec("backbone", "VarGNetV2", params={"width": 4}),), "0.25 ... 2.0"),
    ((NodeSpec("backbone", "VarGNetV2", params={"width": "wide"}),), "node 'backbone'"),
    ((BACKBONE, NECK, segmentation_head(strides=[2])), r"no feature of stride 2; the inputs have strides \[4, 8, 16, 32\]"),
    ((BACKBONE, NECK, segmentation_head(strides=[4, 16])), "second is twice the first"),
    ((BACKBONE, NECK, segmentation_head(strides=[4, 8, 16])), "one stride, or two"),
    ((BACKBONE, NECK, detection_head(strides=[])), "node 'det_head'.*strides"),
])
def test_a_graph_that_cannot_be_built_is_one_line(graph, message):
    with pytest.raises(UserError, match=message):
        build_network({"seg": graph})


def test_a_node_may_read_several():
    """Features of several nodes arrive one after the other, e.g. two backbones into one head."""
    graph = (BACKBONE, NodeSpec("direct", "DenseSegmentationHead", ("backbone",), {"num_classes": 3, "strides": [8]}))
    net = build_network({"seg": graph})
    assert net.inputs["direct"] == ("backbone",)
