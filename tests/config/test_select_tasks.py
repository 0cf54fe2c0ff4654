"""What --tasks takes out of a config beside the tasks themselves."""

import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.overrides import select_tasks
from mtzoo.engine.checks import check_network
from mtzoo.errors import UserError
from tests.tiny import config_values

OWN = "nodes.backbone.stages.0.*"


def selected(tmp_path, tasks, **changes):
    return config_from_dict(select_tasks(config_values(tmp_path, **changes), tasks))


def test_layer_patterns_of_the_others_nodes_go(tmp_path):
    folds = {"1": ["nodes.backbone.*", "nodes.det_*.*"], "2": ["nodes.*"]}
    config = selected(tmp_path, ["seg"], fusion_bn_patterns=folds,
                      sparsity={"ratio": 0.5, "not_sparse_pattern": ["nodes.det_head.*", OWN]},
                      quantization={"not_quant_pattern": ["nodes.det_head.*"], "int16_pattern": ["nodes.det_head*", OWN]})
    assert config.fusion_bn_patterns == {1: ("nodes.backbone.*",), 2: ("nodes.*",)}
    assert config.sparsity.not_sparse_pattern == (OWN,)
    assert (config.quantization.not_quant_pattern, config.quantization.int16_pattern) == ((), (OWN,))
    check_network(config)  # a pattern that matches no layer would be an error


def test_a_neck_that_only_others_read_is_folded_no_more(tmp_path):
    values = config_values(tmp_path, ["seg", "cls"])
    head = {"name": "cls_head", "type": "ClassificationHead", "inputs": ["backbone"], "strides": [32]}
    values["tasks"]["cls"]["nodes"] = ["backbone", head]
    config = config_from_dict(select_tasks(values, ["cls"]))
    assert config.fusion_bn_patterns == {1: ("nodes.backbone.*",), 2: ("nodes.*",)}
    check_network(config)


def test_a_pattern_of_no_node_at_all_stays_a_mistake(tmp_path):
    config = selected(tmp_path, ["seg"], fusion_bn_patterns={"1": ["nodes.seg_haed.*"], "2": ["nodes.*"]})
    with pytest.raises(UserError, match="'nodes.seg_haed.*' matches no layer"):
        check_network(config)


@pytest.mark.parametrize(("distillation", "left"), [
    ({"outputs": {"det.cls_s8": 1.0, "seg": 2.0}}, {"outputs": {"seg": 2.0}}),
    ({"outputs": {"det": 1.0}, "features": {"neck.levels.1": 1.0, "det_head.x": 1.0}},
     {"outputs": {}, "features": {"neck.levels.1": 1.0}}),
    ({"outputs": {"det": 1.0}}, None),
])
def test_what_is_distilled_of_the_others_goes_and_the_teacher_with_the_last_of_it(tmp_path, distillation, left):
    found = selected(tmp_path, ["seg"], distillation={"teacher": "t.pt", **distillation}).distillation
    assert (found and {name: getattr(found, name) for name in left}) == left
