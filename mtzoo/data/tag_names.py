"""Names of classes of whole images, in files that labelling tools and `mtzoo predict --save-labels` write."""

import re

FILE = "image_labels.csv"
"""Beside the labels of a format that has no place for them."""
TASK = "cls"
"""The task of labels that name none."""
TAKEN = ("det", "seg", "lane", "drivable")
"""Tasks of boxes and masks in configs of own data."""


def is_task(name: str) -> bool:
    """Whether a classification task can have this name."""
    return bool(re.fullmatch(r"[A-Za-z0-9_-]+", name)) and name not in TAKEN


def tag_name(task: str, label: str) -> str:
    """What a class is called as a tag or flag: CLASS, or TASK:CLASS where it is of another task than `TASK`."""
    return label if task == TASK and ":" not in label else f"{task}:{label}"


def task_and_class(tag: str) -> tuple[str, str]:
    """What a tag or flag says: the opposite of `tag_name`. A name without a task before its colon is a class as a whole."""
    task, colon, label = tag.partition(":")
    return (task, label.strip()) if colon and is_task(task) and label.strip() else (TASK, tag)
