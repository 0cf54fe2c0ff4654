import pytest

from mtzoo.config.own_network import SCRATCH, own_network, python_text
from mtzoo.errors import UserError

HEAD = {"name": "seg_head", "type": "FCNHead", "inputs": ["tower"], "depth": 0}
TRAINED = {
    "nodes": {"backbone": {"type": "Torchvision", "name": "mobilenet_v2", "weights": "x.pt"}, "neck": {"type": "RepNeck"},
              "tower": {"type": "RepSegmentationTower"}, "other": {"type": "ASPP"}},
    "tasks": {"seg": {"kind": "segmentation", "nodes": ["backbone", "neck", "tower", HEAD], "labels": {"upsample": 2},
                      "loss": {"type": "SegmentationLoss", "weight": 3.0, "logit_upsample": 2, "class_weights": [1.0, 2.0]}}},
    "quantization": {"observer": "mse"},
}


def test_a_trained_network_lends_its_nodes_and_what_follows_from_them():
    """Not what belongs to its classes, nor the weights that its own training started from."""
    network = own_network(TRAINED, ["segmentation"], "zoo:x")
    assert network.nodes == {"backbone": {"type": "Torchvision", "name": "mobilenet_v2"}, "neck": TRAINED["nodes"]["neck"],
                             "tower": TRAINED["nodes"]["tower"]}
    head = network.heads["segmentation"]
    assert head.shared == ("backbone", "neck", "tower")
    assert head.spec == {"type": "FCNHead", "inputs": ["tower"], "depth": 0}
    assert (head.loss, head.labels) == ({"logit_upsample": 2}, {"upsample": 2})
    assert network.first_fold == ("nodes.backbone.*", "nodes.neck.*")
    assert network.quantization == {"observer": "mse"}


def test_a_kind_of_task_that_it_lacks_gets_a_head_on_its_neck_or_backbone():
    network = own_network(TRAINED, ["detection", "classification"], "zoo:x")
    assert network.heads["detection"].spec == {"type": "PerLocationDetectionHead", "inputs": ["neck"], "strides": [8, 16, 32]}
    assert network.heads["classification"].shared == ("backbone",)
    assert list(network.nodes) == ["backbone", "neck"]
    bare = {**TRAINED, "nodes": {name: spec for name, spec in TRAINED["nodes"].items() if name != "neck"}}
    with pytest.raises(UserError, match="^zoo:x: its network has no detection task, and no node 'neck' that one could be put on"):
        own_network(bare, ["detection"], "zoo:x")


def test_from_scratch_a_set_of_image_labels_needs_no_neck():
    network = own_network(SCRATCH, ["classification"], "")
    assert list(network.nodes) == ["backbone"]
    assert network.first_fold == ("nodes.backbone.*",)


def test_plain_data_become_the_python_text_that_says_them():
    value = {"name": 'a "b" ö', "sizes": [1, 2.5, None, True], "deep": {"x": []}}
    assert eval(python_text(value)) == value
