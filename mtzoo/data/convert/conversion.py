"""A data set of any format -> COCO JSON and PNG masks in the one layout that configs/converted reads.

    OUT/{train,val}/images/...     links to the images, or copies
    OUT/{train,val}/boxes.json     if boxes are labelled
    OUT/{train,val}/seg|lane|drivable/...png     masks named like the images, if such are labelled
    OUT/convert.json               the receipt: classes, counts, what was left out
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from mtzoo.data.convert.classes import (
    MASK_CLASSES,
    PAINT,
    common_class,
    join_riders,
    mask_table,
    order_categories,
    served_tasks,
)
from mtzoo.data.convert.layout import split_off_val
from mtzoo.data.convert.output import OutFolder, SplitWriter
from mtzoo.data.convert.records import Entry, Format, LabelledBox, LabelledImage, Vocabulary
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import UserError, did_you_mean

Classes = Literal["tasks", "own"]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """classes: "tasks", the six tasks' classes, or "own", the format's names and ids as they are.

    rename: own category -> another name, before anything else; copy_images: copy instead of linking; val_share: share of
    a set without a val split that becomes it; workers: threads, None: one for each core.
    """

    classes: Classes = "tasks"
    rename: Mapping[str, str] = field(default_factory=dict)
    copy_images: bool = False
    val_share: float = 0.1
    workers: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.val_share < 1:
            raise UserError(f"val share {self.val_share:g}: has to lie between 0 and 1")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers: at least 1 is wanted")


@dataclass
class Summary:
    """What a conversion wrote. images: split -> count; boxes: category -> count; masks: kind -> count; tasks: those of
    configs/converted/multitask.py that it has labels for; left_out: a line for each label or image that could not be used."""

    images: dict[str, int] = field(default_factory=dict)
    boxes: Counter[str] = field(default_factory=Counter)
    masks: Counter[str] = field(default_factory=Counter)
    tasks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    foreign_images: int = 0


def convert(form: Format, src: Path, out: Path, options: Options, on_progress: OnProgress | None = None) -> Summary:
    """Convert the data set in `src` into `out`, which appears when it is whole; `src` stays as it is.

    An `out` that an earlier conversion wrote, and nobody changed since, is replaced. on_progress(done, total) counts images.
    Raises UserError for the first label file that is wrong, and for an `out` that holds anything else.
    """
    if not src.is_dir():
        raise UserError(f"--src {src}: no such folder; name the folder of the {form.title} data set")
    target = OutFolder(out, src)
    opened = form.open(src)
    splits = split_off_val(opened.splits, options.val_share)
    translate = Translation(opened.vocabulary, options, form.roads_only)
    if opened.vocabulary.labelled is not None:
        _check_rename(options.rename, translate.seen, src)
    summary = Summary()
    total, done = sum(map(len, splits.values())), 0
    with target.writing() as folder:
        writers = {split: SplitWriter(folder / split, options.copy_images) for split in splits}
        for split, entries in splits.items():
            for image in _read_all(entries, translate, writers[split], options.workers):
                _count(summary, split, image)
                done += 1
                if on_progress:
                    on_progress(done, total)
        categories = _categories(opened.vocabulary, translate, summary.boxes)
        _check_rename(options.rename, translate.seen, src)
        styled = PAINT not in translate.mask_classes("lane")
        summary.tasks = served_tasks(categories, summary.masks, styled) if options.classes == "tasks" else []
        for writer in writers.values():
            writer.write_boxes(categories)
        target.write_receipt(folder, _receipt(form, options, translate, categories, summary))
    return summary


class Translation:
    """From a format's labels to those that are written. seen: own categories that occurred; called in threads."""

    def __init__(self, vocabulary: Vocabulary, options: Options, roads_only: bool) -> None:
        self.vocabulary, self.options = vocabulary, options
        self.for_tasks = options.classes == "tasks"
        self.roads_only = roads_only and self.for_tasks
        self.tables = {kind: mask_table(own, kind) for kind, own in vocabulary.masks.items()} if self.for_tasks else {}
        self.seen: set[str] = set(vocabulary.labelled or ())

    def category(self, name: str) -> str:
        """What an own category is called in the converted set."""
        if name in self.options.rename:
            return self.options.rename[name]
        if not self.for_tasks:
            return name
        free = self.vocabulary.labelled is None or not self.vocabulary.boxes
        return self.vocabulary.boxes.get(name) or (common_class(name) if free else None) or name

    def mask_classes(self, kind: str) -> Sequence[str]:
        """Classes of the written masks of a kind, in the order of ids; those that can occur when `for_tasks`."""
        own = self.vocabulary.masks.get(kind, {})
        return list(own) if not self.for_tasks else [c for c in MASK_CLASSES[kind] if c in own.values()]

    def __call__(self, image: LabelledImage) -> LabelledImage | None:
        """The image with translated labels; None for one that shows only what no task asks for."""
        boxes = image.boxes
        if boxes is not None:
            self.seen.update(box.name for box in boxes)
            joined = join_riders(boxes) if self.for_tasks else boxes
            boxes = [LabelledBox(self.category(box.name), box.xyxy, box.crowd) for box in joined]
            wanted = {*CATEGORIES, IGNORE_CATEGORY, *self.options.rename.values()}
            if self.roads_only and boxes and all(box.name not in wanted for box in boxes):
                return None
        masks = {kind: self.tables[kind][mask] if self.for_tasks else mask for kind, mask in image.masks.items()}
        return LabelledImage(image.path, image.name, image.hw, boxes, masks, image.left_out)


@dataclass(frozen=True)
class _Written:
    """What is left of an image once its masks are on disk: counts."""

    boxes: list[str]
    kinds: list[str]
    left_out: list[str]
    foreign: bool = False


def _read_all(entries: Sequence[Entry], translate: Translation, writer: SplitWriter,
              workers: int | None) -> Iterator[_Written]:
    """Read, translate and write every entry, in order; a few at a time, so that masks do not pile up."""
    count = workers or os.cpu_count() or 1

    def work(entry: Entry) -> _Written:
        source = entry()
        image = translate(source)
        if image is None:
            return _Written([], [], source.left_out, foreign=True)
        writer.write_image(image)
        return _Written([box.name for box in image.boxes or ()], list(image.masks), image.left_out)

    left = iter(entries)
    with ThreadPoolExecutor(count) as pool:
        while chunk := list(islice(left, 16 * count)):
            yield from pool.map(work, chunk)


def _count(summary: Summary, split: str, image: _Written) -> None:
    summary.images[split] = summary.images.get(split, 0) + (not image.foreign)
    summary.foreign_images += image.foreign
    summary.boxes.update(image.boxes)
    summary.masks.update(image.kinds)
    summary.left_out += image.left_out


def _categories(vocabulary: Vocabulary, translate: Translation, found: Counter[str]) -> list[str]:
    """What boxes.json lists: all that the format labels, occurring or not, since a class that is not listed is unknown."""
    return order_categories({translate.category(name) for name in vocabulary.labelled or ()} | set(found))


def _check_rename(rename: Mapping[str, str], seen: set[str], src: Path) -> None:
    for name in rename:
        if name not in seen:
            raise UserError(f"--rename {name}={rename[name]}: {src} has no category '{name}'{did_you_mean(name, seen)}")


def _receipt(form: Format, options: Options, translate: Translation, categories: list[str], summary: Summary) -> dict[str, object]:
    classes = {kind: list(MASK_CLASSES[kind]) if translate.for_tasks else list(translate.mask_classes(kind))
               for kind in sorted(summary.masks)}
    return {"format": form.name, "classes": options.classes, "images": summary.images, "categories": categories,
            "boxes": dict(sorted(summary.boxes.items())), "masks": dict(sorted(summary.masks.items())), "mask_classes": classes,
            "tasks": summary.tasks, "left_out": summary.left_out, "foreign_images": summary.foreign_images}
