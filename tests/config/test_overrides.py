import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.overrides import idle_overrides, override
from mtzoo.config.parts import whole
from mtzoo.errors import UserError
from tests.tiny import config_values


@pytest.fixture
def values(tmp_path):
    """One task refers to its source and backbone by name, the other has copies, as a config that says dict(sources[...], ...)."""
    values = config_values(tmp_path)
    boxes, backbone = values["sources"]["boxes"], values["nodes"]["backbone"]
    values["sources"]["boxes_val"] = {**boxes, "weight": 0.5}
    values["tasks"]["det"]["train"] = [{**boxes, "name": "boxes", "categories": {"car": "blue"}}]
    values["tasks"]["det"]["val"] = [{**boxes, "name": "renamed"}, "boxes_val"]
    values["tasks"]["det"]["nodes"][0] = {"name": "backbone", **backbone}
    return values


def sources(config):
    return {f"{task.name}/{split}": [s.images for s in found] for task in config.tasks
            for split, found in (("train", task.train_sources), ("val", task.val_sources))}


def test_a_source_is_changed_in_every_task_that_uses_or_copied_it(values):
    config = config_from_dict(override(values, {"sources.boxes.images": "/elsewhere"}))
    assert sources(config)["det/train"] == ["/elsewhere"]  # copied with its name
    assert sources(config)["det/val"][0] == "/elsewhere"  # copied under another
    assert sources(config)["det/val"][1] == values["sources"]["boxes_val"]["images"]  # another source
    assert sources(config)["seg/val"] == [values["sources"]["masks"]["images"]]
    assert config.tasks[0].train_sources[0].categories == {"car": "blue"}


def test_a_copy_that_says_something_otherwise_follows_to_the_new_images(values):
    boxes = values["sources"]["boxes"]
    values["sources"]["more"] = {**boxes, "annotations": "more.json"}
    values["tasks"]["det"]["train"] = [{**values["sources"]["boxes_val"], "name": "a", "weight": 2.0},
                                       {**boxes, "name": "b", "annotations": "mine.json"}, {**values["sources"]["more"], "name": "c"}]
    config = config_from_dict(override(values, {"sources.boxes.images": "/new"}))
    assert sources(config)["det/train"] == ["/new", "/new", boxes["images"]], "a may be a copy of boxes; c is one of more"
    config = config_from_dict(override(values, {"sources.boxes_val.images": "/new"}))
    assert sources(config)["det/train"] == ["/new", boxes["images"], boxes["images"]]


def test_what_a_task_says_of_its_copy_itself_stays(values):
    config = config_from_dict(override(values, {"sources.boxes.categories": {"dog": "yellow"}}))
    assert config.tasks[0].train_sources[0].categories == {"car": "blue"}
    assert config.tasks[0].val_sources[0].categories == {"dog": "yellow"}
    config = config_from_dict(override(values, {"sources.boxes.images": "/a", "tasks.det.train.0.images": "/b"}))
    assert sources(config)["det/train"] == ["/b"]


def test_a_node_is_changed_in_every_task_that_uses_or_copied_it(values):
    config = config_from_dict(override(values, {"nodes.backbone.width": 0.5}))
    assert [task.nodes[0].params["width"] for task in config.tasks] == [0.5, 0.5]


def test_a_dict_is_merged_into_the_one_that_is_there(values):
    changed = override(values, {"env": {"workers": 3}, "fusion_bn_patterns.1": ["nodes.*"]})
    assert changed["env"] == {**values["env"], "workers": 3}
    assert changed["fusion_bn_patterns"] == {"1": ["nodes.*"], "2": ["nodes.*"]}


def test_a_node_of_another_type_takes_the_place_of_the_one_that_is_there(values):
    options = {"nodes.backbone": {"type": "HRNet", "width": 8}, "nodes.neck": {"type": "ResizeConcat"}}
    config = config_from_dict(override(values, options))
    for task in config.tasks:  # by name, and copied
        backbone, neck = task.nodes[:2]
        assert (backbone.type, backbone.params) == ("HRNet", {"width": 8})
        assert (neck.type, neck.inputs, neck.params) == ("ResizeConcat", ("backbone",), {})
    merged = override(values, {"nodes.backbone": {"type": "VarGNetV2", "width": 0.5}})
    assert merged["nodes"]["backbone"] == {**values["nodes"]["backbone"], "width": 0.5}


def idle(values, options, tasks=()):
    return idle_overrides(values, options, tasks, build=config_from_dict, part=whole, verb="config")


@pytest.mark.parametrize(("key", "value", "reason"), [
    ("env.workers", 0, "that is its value already"),
    ("env.seed", 0, "that is the default"),
    ("data_root", "elsewhere", "no data source lies in data_root"),
    ("sources.spare.images", "/elsewhere", "no task uses sources.spare"),
])
def test_an_override_that_changes_nothing_is_told_with_the_reason(values, key, value, reason):
    values["sources"]["spare"] = {"type": "MaskFolder", "images": "a", "masks": "b"}
    (line,) = idle(values, {key: value, "env.cache_mb": 9})
    assert line.startswith(f"--cfg-options {key}: changes nothing; {reason}")


def test_an_override_that_changes_something_is_not_told(values):
    values["sources"]["boxes"]["images"] = values["tasks"]["det"]["val"][0]["images"] = "{data_root}/images"
    assert idle(values, {"env.workers": 2, "data_root": "elsewhere", "sources.boxes.weight": 3.0, "nodes.backbone.width": 0.5}) == []
    assert idle(values, {}, ["seg"]) == []


def test_tasks_that_leave_nothing_out_are_told(values):
    assert idle(values, {}, ["seg", "det"]) == ["--tasks: changes nothing; it names all tasks of the config"]
    (line,) = idle(values, {"tasks.det.loss.weight": 2.0}, ["seg"])
    assert line.endswith("--tasks leaves det out")


def test_two_overrides_that_need_one_another_both_count(values):
    both = {"deploy_geometry": {"resized_hw": [32, 64], "input_hw": [32, 64]}, "int_inference_export_input_shape.image": [1, 3, 32, 64]}
    assert idle(values, both) == []


@pytest.mark.parametrize("key", ["solver.9.prefix", "solver.first.prefix", "loss_balance.x", "env.workers.x", "tasks.det.train.x"])
def test_a_place_that_is_not_there_is_told(values, key):
    with pytest.raises(UserError, match=f"--cfg-options {key}: no such place in the config"):
        override({**values, "loss_balance": "fixed"}, {key: 1})
