"""Classes of whole images: in a CSV file, as `mtzoo predict --save-labels` writes it, and as labelling tools name them.

The file has columns `image` and `class`, and `task` where there are several tasks; others, such as `score`, are not read. A tag or flag
of a labelling tool is called CLASS, or TASK:CLASS where there are several tasks.
"""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mtzoo.data.convert.layout import read_text
from mtzoo.data.convert.listing import ImageFinder, Listing, base_of, by_split, within
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.images import upright_hw
from mtzoo.data.tag_names import FILE, TAKEN, TASK, is_task, task_and_class
from mtzoo.errors import UserError, cut

LAYOUT = f"{FILE} with columns image, class and, for several tasks, task; and its images anywhere"
IMAGE_COLUMNS, CLASS_COLUMNS, TASK_COLUMN = ("image", "file", "filename", "file_name", "path"), ("class", "label"), "task"
Table = dict[Path, dict[str, str]]
"""Absolute image path -> task -> class."""


def open_image_labels(places: Places) -> SourceSet:
    """Raises UserError for a file that is not there, and for the first row that cannot be used."""
    path = places.annotations or places.src / FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file; --data must contain {LAYOUT}")
    root, listing = places.src.absolute(), Listing(places.src.absolute())
    table = read_table(path, ImageFinder(listing))
    images = within([image.relative_to(root) for image in table], places.images, places.src)
    splits, remarks = by_split(sorted(images))
    entries = {}
    for split, paths in splits.items():
        base = base_of(paths)
        entries[split] = [Entry.of(_read, places.src / image, image.relative_to(base).as_posix(), table[root / image])
                          for image in paths]
    return SourceSet(entries, Vocabulary(image_classes=_classes(table)), remarks)


def with_image_labels(opened: SourceSet, src: Path) -> SourceSet:
    """The set, with the classes of whole images that a file beside its other labels says, if there is one."""
    path = src / FILE
    if opened.vocabulary.image_classes or not path.is_file():
        return opened
    table = read_table(path, ImageFinder(Listing(src.absolute())))
    splits = {split: [replace(entry, read=partial(_with_labels, entry.read, table)) for entry in entries]
              for split, entries in opened.splits.items()}
    return replace(opened, splits=splits, vocabulary=replace(opened.vocabulary, image_classes=_classes(table)))


def read_table(path: Path, finder: ImageFinder) -> Table:
    """The labels of a CSV file. Raises UserError for the first row that cannot be used: file, row, value."""
    text = read_text(path)
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    columns = {name.strip().lower(): name for name in reader.fieldnames or () if name}
    image_column, class_column = (next((columns[name] for name in names if name in columns), None)
                                  for names in (IMAGE_COLUMNS, CLASS_COLUMNS))
    if image_column is None or class_column is None:
        raise UserError(f"{path}: the first row is {cut(first)!r}; it must name the columns: image,class or image,task,class")
    table: Table = defaultdict(dict)
    try:
        for row in reader:
            _add(table, row, (image_column, class_column, columns.get(TASK_COLUMN)), f"{path}:{reader.line_num}", finder)
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: no CSV ({error}); fix the row") from None
    if not table:
        raise UserError(f"{path}: no row with a class; there is nothing to convert")
    return dict(table)


def _add(table: Table, row: Mapping[str, str | None], columns: tuple[str, str, str | None], where: str, finder: ImageFinder) -> None:
    """Add one row. An empty class is no label."""
    name, label, task = ((row[column] or "").strip() if column is not None else TASK for column in columns)
    if not label:
        return
    if not name:
        raise UserError(f"{where}: names no image; fix the row")
    if not is_task(task):
        raise UserError(f"{where}: task '{cut(task)}': expected letters, digits, _ and -, and none of {', '.join(TAKEN)}")
    labels = table[finder.src / finder.find(name, where)]
    if labels.setdefault(task, label) != label:
        raise UserError(f"{where}: '{cut(label)}', but an earlier row says '{cut(labels[task])}' of this image; keep one")


def add_tags(image: LabelledImage, tags: Iterable[str], where: str) -> None:
    """Add the classes of the whole image that a labelling tool names CLASS or TASK:CLASS. Of several classes of one task none is taken:
    it has one class for each image. where: for the remark."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for tag in tags:
        task, label = task_and_class(tag)
        found[task][label] = None
    for task, labels in found.items():
        if len(labels) == 1:
            image.image_labels[task] = next(iter(labels))
        else:
            names = ", ".join(f"'{cut(label)}'" for label in labels)
            image.remarks.append(Remark("", "several classes of one image in one task",
                                        f"{where}: {names} of task '{task}' at once; call tags or flags TASK:CLASS, or keep one"))


def _classes(table: Table) -> dict[str, Sequence[str]]:
    tasks = sorted({task for labels in table.values() for task in labels})
    return {task: sorted({labels[task] for labels in table.values() if task in labels}) for task in tasks}


def _read(image: Path, name: str, labels: dict[str, str]) -> LabelledImage:
    return LabelledImage(image, name, upright_hw(image), image_labels=labels)


def _with_labels(read: Callable[[], LabelledImage], table: Table) -> LabelledImage:
    image = read()
    image.image_labels.update(table.get(Path(os.path.abspath(image.path)), {}))
    return image


FORMAT = Format("image_labels", "CSV of image classes", LAYOUT, open_image_labels, ("annotations", "images"))
