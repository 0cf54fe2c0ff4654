"""Data set files in PaddleSeg's layout: train_dataset and val_dataset as sources of a config's segmentation task."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtzoo.config.load import config_from_dict
from mtzoo.config.schema import ExperimentConfig
from mtzoo.config.section import Section, read_sections
from mtzoo.errors import UserError, did_you_mean

TOP_KEYS = ("batch_size", "iters", "train_dataset", "val_dataset")
IDLE_KEYS = ("optimizer", "lr_scheduler", "learning_rate", "loss", "model", "test_config", "export", "to_static_training")
"""Of whole PaddleSeg configs."""
TYPES = ("Dataset", "Cityscapes", "OpticDiscSeg")
SPLITS = {"train_dataset": "train", "val_dataset": "val"}


@dataclass(frozen=True)
class DatasetFile:
    """train, val: the source of each split as plain data, None for one that the file does not name; classes: how many it says there
    are; batch_size: of training; notes: a line for each key that changes nothing."""

    path: Path
    train: Mapping[str, Any] | None
    val: Mapping[str, Any] | None
    classes: int | None
    batch_size: int | None
    notes: tuple[str, ...]


def read_dataset_file(path: Path) -> DatasetFile:
    """Raises UserError naming the file and the key for what has no counterpart. Nothing in the file is executed, no image is read."""
    notes: list[str] = []
    values = read_sections(path, "data set file")
    for key in values:
        if key == "_base_":
            raise UserError(f"{path}: _base_: other files are not followed; write what they say here")
        if key not in (*TOP_KEYS, *IDLE_KEYS):
            raise UserError(f"{path}: {key}: unknown key{did_you_mean(key, (*TOP_KEYS, *IDLE_KEYS))}")
    if idle := [key for key in (*IDLE_KEYS, "iters") if key in values]:
        notes.append(f"{path}: {', '.join(idle)}: changes nothing; of a data set file the data and batch_size are read")
    sections = {key: Section(path, key, values[key], notes) for key in SPLITS if key in values}
    if not sections:
        raise UserError(f"{path}: names neither train_dataset nor val_dataset; add one of them")
    found = {key: _source(section, SPLITS[key]) for key, section in sections.items()}
    counts = {count for _, count in found.values() if count is not None}
    if len(counts) > 1:
        raise UserError(f"{path}: val_dataset.num_classes: train_dataset has another number; fix one of them")
    top = Section(path, "", values, notes)
    return DatasetFile(path, *(found.get(key, (None, None))[0] for key in SPLITS), counts.pop() if counts else None,
                       top.count("batch_size", None), tuple(notes))


def with_dataset(config: ExperimentConfig, dataset: DatasetFile) -> ExperimentConfig:
    """The config with its one segmentation task reading the file's data.

    Raises UserError for a config of several such tasks or none, or with another number of classes.
    """
    tasks = [task for task in config.tasks if task.kind == "segmentation"]
    if len(tasks) != 1:
        raise UserError(f"{dataset.path}: is for one segmentation task, and the config has {len(tasks)}; name one with --tasks")
    task = tasks[0]
    if dataset.classes not in (None, len(task.classes)):
        raise UserError(f"{dataset.path}: num_classes={dataset.classes}: the task '{task.name}' has {len(task.classes)} classes; take "
                        "a config with as many")
    values = dict(config.resolved)
    sources = {split: [source] for split, source in (("train", dataset.train), ("val", dataset.val)) if source is not None}
    values["tasks"] = {**values["tasks"], task.name: {**values["tasks"][task.name], **sources}}
    return config_from_dict(values)


def _source(section: Section, split: str) -> tuple[dict[str, Any], int | None]:
    """(the source as plain data, num_classes)."""
    kind, root = section.take("type", str, ""), section.take("dataset_root", str, None)
    if kind not in TYPES:
        raise section.fault("type", f"one of {', '.join(TYPES)} is read; `mtzoo data convert` takes other formats")
    if root is None:
        raise UserError(f"{section.where('dataset_root')}: is missing; add the folder of the images")
    if section.take("mode", str, split) != split:
        raise section.fault("mode", f"expected '{split}' in {section.name}")
    if section.has("transforms"):
        section.note("transforms", "changes nothing; train_geometry, deploy_geometry and photometric of the config say what is done to "
                                   "images")
    section.tell(("edge",), "no network here learns edges")
    source = {"name": f"{section.path.stem}_{split}", **_files(section, kind, root, split),
              "ignore_value": section.take("ignore_index", int, 255)}
    count = section.count("num_classes", None)
    section.tell(("img_channels", "add_val"), "images have three channels, and validation images are not trained on")
    section.finish()
    return source, count


def _files(section: Section, kind: str, root: str, split: str) -> dict[str, Any]:
    if kind == "Cityscapes":
        return {"type": "MaskFolder", "images": f"{root}/leftImg8bit/{split}", "masks": f"{root}/gtFine/{split}",
                "image_suffix": "_leftImg8bit.png", "mask_suffix": "_gtFine_labelTrainIds.png"}
    pairs = section.take(f"{split}_path", str, f"{root}/{split}_list.txt" if kind == "OpticDiscSeg" else None)
    if pairs is None:
        raise UserError(f"{section.where(f'{split}_path')}: is missing; add the text file with a row 'IMAGE MASK' for each image")
    return {"type": "MaskList", "images": root, "pairs": pairs, "separator": section.take("separator", str, " ")}
