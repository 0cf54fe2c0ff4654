import json

import pytest

from mtzoo.config import load_config
from mtzoo.config.own_data import config_text, seen_hw
from mtzoo.errors import UserError
from tests.data.convert.helpers import write_image, write_text


def converted_set(root, **receipt):
    """A converted folder as far as a config looks at it: one image of 100x150."""
    write_image(root / "train" / "images" / "a.jpg", (100, 150))
    content = {"images": {"train": 40}, "categories": ["cone", "tree", "ignore"], "boxes": {"cone": 3}, "mask_classes": {}, **receipt}
    for split in ("train", "val"):
        write_text(root / split / "boxes.json", "{}")
        for kind in ("seg", "lane"):
            (root / split / kind).mkdir()
    write_text(root / "convert.json", json.dumps(content))
    return root


def loaded(root):
    path = root / "config.py"
    path.write_text(config_text(root))
    return load_config(path)


def test_boxes_become_a_detection_task_of_the_categories_that_occur(tmp_path):
    config = loaded(converted_set(tmp_path))
    (task,) = config.tasks
    assert (task.kind, task.classes) == ("detection", ("cone",))
    assert task.train_sources[0].annotations == str(tmp_path / "train" / "boxes.json")
    assert config.solver[0].float_phase.epochs == 300, "at most, for 40 images"
    assert (config.deploy_geometry.resized_hw, config.deploy_geometry.input_hw) == ((100, 150), (128, 160))


def test_a_batch_is_no_larger_than_the_set(tmp_path):
    phases = [loaded(converted_set(tmp_path / str(count), images={"train": count})).solver[0].float_phase for count in (5, 40)]
    assert [phase.batch_size for phase in phases] == [5, 8]


def test_masks_become_a_segmentation_task_beside_it(tmp_path):
    config = loaded(converted_set(tmp_path, mask_classes={"seg": ['the "road"', "Rösti"], "lane": ["one"]}))
    assert [(task.name, task.kind, task.classes) for task in config.tasks] == [
        ("det", "detection", ("cone",)), ("seg", "segmentation", ('the "road"', "Rösti"))]


def test_labels_of_images_become_a_classification_task_without_a_neck(tmp_path):
    root = converted_set(tmp_path, categories=[], image_classes={"time": ["day", "night"], "road": ["all"]})
    for split in ("train", "val"):
        write_text(root / split / "time.tsv", "a.jpg\tday")
    config = loaded(root)
    (task,) = config.tasks
    assert (task.name, task.kind, task.classes) == ("time", "classification", ("day", "night"))
    assert [node.name for node in task.nodes] == ["backbone", "time_head"]
    assert task.train_sources[0].separator == "\t"


def test_what_one_split_has_no_label_for_is_no_task(tmp_path):
    root = converted_set(tmp_path, mask_classes={"seg": ["sky", "road"]})
    (root / "val" / "seg").rmdir()
    assert [task.name for task in loaded(root).tasks] == ["det"]


def test_large_images_are_shrunk_and_small_ones_stay():
    assert seen_hw((1080, 1920)) == (525, 934)
    assert seen_hw((416, 416)) == (416, 416)


@pytest.mark.parametrize(("receipt", "message"), [
    ({"boxes": {}}, r"no class with a labelled object, and neither masks nor images of two classes"),
    ({"mask_classes": []}, r"convert.json: no receipt of `mtzoo data convert`"),
])
def test_nothing_to_learn_is_told(receipt, message, tmp_path):
    with pytest.raises(UserError, match=message):
        config_text(converted_set(tmp_path, **receipt))
