"""Data set files in PaddleSeg's layout."""

import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.dataset_file import read_dataset_file, with_dataset
from mtzoo.data.sources import MaskFolder, MaskList
from mtzoo.errors import UserError
from tests.tiny import config_values

PEOPLE = """
batch_size: 6
iters: 300
train_dataset:
  type: Dataset
  dataset_root: data/people
  train_path: data/people/train.txt
  num_classes: 3
  separator: ","
  transforms:
  - {type: Resize, target_size: [320, 192]}
  - {type: Normalize}
  mode: train
val_dataset:
  type: Dataset
  dataset_root: data/people
  val_path: data/people/val.txt
  num_classes: 3
  ignore_index: 254
  transforms: [{type: Normalize}]
  mode: val
"""


def read(tmp_path, text):
    path = tmp_path / "people.yaml"
    path.write_text(text)
    return read_dataset_file(path)


def test_lists_of_pairs_become_the_sources_of_the_one_segmentation_task(tmp_path):
    dataset = read(tmp_path, PEOPLE)
    assert (dataset.batch_size, dataset.classes) == (6, 3)
    assert ["iters: changes nothing" in line or "transforms: changes nothing" in line for line in dataset.notes] == [True] * 3
    config = with_dataset(config_from_dict(config_values(tmp_path)), dataset)
    task = next(task for task in config.tasks if task.name == "seg")
    assert task.train_sources == (MaskList("data/people", "data/people/train.txt", "people_train", separator=","),)
    assert task.val_sources == (MaskList("data/people", "data/people/val.txt", "people_val", ignore_value=254),)
    assert config.resolved["tasks"]["det"] == config_values(tmp_path)["tasks"]["det"]


def test_a_split_that_is_not_named_keeps_the_configs_data(tmp_path):
    config = config_from_dict(config_values(tmp_path, ["seg"]))
    changed = with_dataset(config, read(tmp_path, "val_dataset: {type: OpticDiscSeg, dataset_root: eyes}"))
    assert changed.tasks[0].train_sources == config.tasks[0].train_sources
    assert changed.tasks[0].val_sources == (MaskList("eyes", "eyes/val_list.txt", "people_val"),)


def test_cityscapes_as_published(tmp_path):
    dataset = read(tmp_path, "train_dataset: {type: Cityscapes, dataset_root: city, mode: train}")
    (source,) = with_dataset(config_from_dict(config_values(tmp_path)), dataset).tasks[1].train_sources
    assert source == MaskFolder("city/leftImg8bit/train", "city/gtFine/train", "people_train", image_suffix="_leftImg8bit.png",
                                mask_suffix="_gtFine_labelTrainIds.png")


@pytest.mark.parametrize(("text", "said"), [
    ("train_dataset: {type: ADE20K, dataset_root: a}", "train_dataset.type='ADE20K': one of Dataset, Cityscapes"),
    ("train_dataset: {type: Dataset}", "train_dataset.dataset_root: is missing"),
    ("train_dataset: {type: Dataset, dataset_root: a}", "train_dataset.train_path: is missing; add the text file"),
    ("train_dataset: {type: Dataset, dataset_root: a, train_path: b, mode: val}", "train_dataset.mode='val': expected 'train'"),
    ("train_dataset: {type: Cityscapes, dataset_root: a, num_clases: 2}", "num_clases: unknown key; did you mean 'num_classes'"),
    ("train_datset: {}", "train_datset: unknown key; did you mean 'train_dataset'"),
    ("_base_: other.yml", "_base_: other files are not followed"),
    ("batch_size: 3", "names neither train_dataset nor val_dataset"),
    (PEOPLE.replace("batch_size: 6", "batch_size: 0"), "batch_size=0: must be at least 1"),
    (PEOPLE.replace("num_classes: 3\n  ignore", "num_classes: 2\n  ignore"), "val_dataset.num_classes: train_dataset has another"),
])
def test_what_cannot_be_read_is_one_line_with_file_and_key(text, said, tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path / 'people.yaml'}: .*{said}"):
        read(tmp_path, text)


def test_a_config_has_to_fit(tmp_path):
    dataset = read(tmp_path, PEOPLE.replace("num_classes: 3", "num_classes: 2"))
    with pytest.raises(UserError, match=r"people\.yaml: num_classes=2: the task 'seg' has 3 classes"):
        with_dataset(config_from_dict(config_values(tmp_path)), dataset)
    with pytest.raises(UserError, match="for one segmentation task, and the config has 0; name one with --tasks"):
        with_dataset(config_from_dict(config_values(tmp_path, ["det"])), dataset)
