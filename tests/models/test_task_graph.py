import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.models import build_network
from mtzoo.models.task_graph import merge_graphs
from tests.tiny import BACKBONE, HW, NECK, detection_head, segmentation_head, tiny_graphs


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
    ((NodeSpec("backbone", "VarGNetV2", params={"blocks": [1, 3]}),), r"blocks=\[1, 3\]: expected 4 numbers of at least 1"),
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
    """Features of several nodes arrive one after the other: the fine one of one backbone and the coarse one of another."""
    other = NodeSpec("other", "VarGNetV2", params={"width": 0.5, "group_base": 8})
    head = NodeSpec("head", "DenseSegmentationHead", ("backbone.mod2", "other.mod3"), {"num_classes": 3, "strides": [4, 8]})
    net = build_network({"seg": (BACKBONE, other, head)}).eval()
    seen = []
    net.nodes["head"].register_forward_pre_hook(lambda module, args: seen.extend(args[0]))
    x = torch.randn(1, 3, *HW)
    with torch.no_grad():
        outputs = net(x)
        image = net.image_quant(x)
        wanted = [net.nodes["backbone"](image)[0], net.nodes["other"](image)[1]]
    assert all(torch.equal(a, b) for a, b in zip(seen, wanted, strict=True))
    assert [tuple(f.shape) for f in seen] == [(1, 8, 16, 24), (1, 32, 8, 12)]
    assert outputs["seg"]["logits"].shape == (1, 3, 16, 24)


def test_features_of_equal_stride_are_told_apart_by_name():
    def graph(*inputs):
        return BACKBONE, NECK, NodeSpec("head", "DenseSegmentationHead", inputs, {"num_classes": 3, "strides": [8]})

    message = r"node 'head': 2 features have stride 8: mod3, mod3; name the one .*inputs=\['backbone.mod3'\]"
    with pytest.raises(UserError, match=message):
        build_network({"seg": graph("backbone", "neck")})
    net = build_network({"seg": graph("backbone.mod4", "neck.mod3")})
    assert net.nodes["head"].picked == [1]


@pytest.mark.parametrize(("source", "message"), [
    ("backbone.mod9", "node 'head': reads 'backbone.mod9', but 'backbone' has no such feature; did you mean 'mod"),
    ("image.x", "reads 'image.x', but 'image' has no such feature"),
    ("first", "node 'head': reads 'first', a head, which has no features"),
])
def test_a_feature_that_is_not_there_is_one_line(source, message):
    first = NodeSpec("first", "DenseSegmentationHead", ("backbone",), {"num_classes": 3})
    head = NodeSpec("head", "DenseSegmentationHead", (source,), {"num_classes": 3, "strides": [8]})
    with pytest.raises(UserError, match=message):
        build_network({"seg": (BACKBONE, first, head)})


@pytest.mark.parametrize(("spec", "message"), [
    (NodeSpec("backbone", "VarGNetV2", params={"width": 0.5, "group_base": 0}), "node 'backbone': ZeroDivisionError"),
    (NodeSpec("backbone", "VarGNetV2", params={"width": 0.5, "group_base": -8}), "'backbone'.group_base=-8: expected numbers in 0"),
    (NodeSpec("backbone", "VarGNetV2", params={"width": 1e300}), "node 'backbone': width=1e"),
    (NodeSpec("backbone", "VarGNetV2", params={"width": "wide"}), "node 'backbone'.width='wide': expected float"),
    (segmentation_head(depth=10**9), "node 'seg_head'.depth=1000000000: expected numbers in 0..128"),
    (segmentation_head(strides=[4] * 10**5), "node 'seg_head'.strides=.*64 at most"),
    (segmentation_head(factor=4096), "node 'seg_head'.factor=4096: expected numbers in 0..64"),
    (segmentation_head(factor=64, channels=4096), "node 'seg_head': a convolution of .* weights, more than"),
    (segmentation_head(depth=-1), "node 'seg_head'.depth=-1: expected numbers in 0..128"),
    (segmentation_head(channels=0), "node 'seg_head': "),
])
def test_sizes_that_no_network_has_are_one_line(spec, message):
    graph = (spec,) if spec.name == "backbone" else (BACKBONE, NECK, spec)
    with pytest.raises(UserError, match=message) as caught:
        build_network({"seg": graph})
    assert len(str(caught.value)) < 400


def test_a_network_beyond_the_memory_is_told_by_its_node(monkeypatch):
    monkeypatch.setattr("mtzoo.machine.memory_bytes", lambda: 1 << 17)
    with pytest.raises(UserError, match=r"node 'backbone', [\d,]+ parameters so far: needs .* GiB or more, this machine has"):
        build_network({"seg": tiny_graphs()["seg"]})
