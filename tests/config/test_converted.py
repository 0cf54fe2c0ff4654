"""configs/converted and what `mtzoo data convert` writes name the same things."""

import pytest

from mtzoo.config import load_config
from mtzoo.data.convert.classes import MASK_CLASSES, TASK_CLASSES
from mtzoo.errors import UserError
from mtzoo.locate import find_config


@pytest.fixture(scope="module")
def config():
    return load_config(find_config("converted/multitask"), {"data_root": "/sets/mine"})


def test_classes_are_those_that_are_written(config):
    classes = config.classes
    assert {task: names for task, names in classes.items() if task.startswith("det")} == TASK_CLASSES
    assert classes["seg_default"] == MASK_CLASSES["seg"]
    assert (*classes["seg_lane"], "paint") == MASK_CLASSES["lane"]
    assert classes["seg_drivable"] == MASK_CLASSES["drivable"]


def test_lane_ids_go_to_both_lane_tasks(config):
    maps = {task.name: task.train_sources[0].label_map for task in config.tasks if task.name in ("seg_lane", "seg_paint")}
    names = MASK_CLASSES["lane"]
    assert {names[k]: v for k, v in maps["seg_lane"].items()} == {"background": 0, "solid": 1, "dashed": 2, "curb": 3, "paint": 255}
    assert {names[k] for k, v in maps["seg_paint"].items() if v == 1} == {"solid", "dashed", "paint"}


def test_data_root_is_all_that_changes(config):
    for task in config.tasks:
        for split, sources in (("train", task.train_sources), ("val", task.val_sources)):
            assert [source.images for source in sources] == [f"/sets/mine/{split}/images"]


def test_the_tasks_are_4pe_resize_s_and_two_more(config):
    others = load_config(find_config("4pe_resize/multitask"))
    assert {task.name for task in config.tasks} == {*others.classes, "seg_paint", "seg_drivable"}
    assert {name: config.classes[name] for name in others.classes} == others.classes
    for name in ("train_geometry", "deploy_geometry", "solver", "quantization", "fusion_bn_patterns"):
        assert getattr(config, name) == getattr(others, name)


def test_a_task_without_labels_is_named(tmp_path):
    with pytest.raises(UserError, match="det_reer"):
        load_config(find_config("converted/multitask"), {"data_root": str(tmp_path)}, ["det_reer"])
