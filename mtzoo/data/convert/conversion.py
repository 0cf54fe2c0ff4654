"""A data set of any format -> COCO JSON and PNG masks in the one layout that configs/converted reads.

    OUT/{train,val}/images/...     links to the images, or copies
    OUT/{train,val}/boxes.json     if boxes are labelled
    OUT/{train,val}/seg|lane|drivable/...png     masks named like the images, if such are labelled
    OUT/convert.json               the receipt: classes, counts, what was left out
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from mtzoo.data.convert.classes import (
    MASK_CLASSES,
    PAINT,
    TASK_CLASSES,
    common_class,
    join_riders,
    mask_table,
    order_categories,
    served_tasks,
)
from mtzoo.data.convert.layout import split_off_val, unread_images
from mtzoo.data.convert.output import OutFolder, SplitWriter
from mtzoo.data.convert.records import Entry, Format, LabelledBox, LabelledImage, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.summary import Summary, Written
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import LISTED_WORDS, UserError, did_you_mean, listed
from mtzoo.structures import IGNORE

VAL_SHARE = 0.1
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
    val_share: float = VAL_SHARE
    workers: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.val_share < 1:
            raise UserError(f"val share {self.val_share:g}: has to lie between 0 and 1")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers: at least 1 is wanted")


def convert(form: Format, src: Path, out: Path, options: Options, on_progress: OnProgress | None = None) -> Summary:
    """Convert the data set in `src` into `out`, which appears when it is whole; `src` stays as it is.

    An `out` that an earlier conversion wrote, and nobody changed since, is replaced. on_progress(done, total) counts images.
    Raises UserError for the first label file that is wrong, and for an `out` that holds anything else.
    """
    if not src.is_dir():
        raise UserError(f"--src {src}: no such folder; name the folder of the {form.title} data set")
    target = OutFolder(out, src)
    opened = form.open(src)
    unread = unread_images(src)
    splits = _split(opened, options, [*opened.remarks, *unread], src)
    translate = Translation(opened.vocabulary, options, form.roads_only)
    _check_strange(opened.vocabulary, options, src)
    if opened.vocabulary.labelled is not None:
        _check_rename(options.rename, translate.seen, src)
    summary = Summary(divided=not opened.splits.get("val"))
    summary.note([*translate.remarks(opened.remarks), *unread])
    total, done = sum(map(len, splits.values())), 0
    with target.writing() as folder:
        writers = {split: SplitWriter(folder / split, options.copy_images) for split in splits}
        for split, entries in splits.items():
            for result in _read_all(entries, translate, writers[split], options.workers):
                _count(summary, split, result)
                done += 1
                if on_progress:
                    on_progress(done, total)
        _check_rename(options.rename, translate.seen, src)
        _finish(summary, opened.vocabulary, translate)
        check_result(summary, splits, [name for name in translate.seen if translate.category(name) not in CATEGORIES], src)
        for writer in writers.values():
            writer.write_boxes(summary.categories)
        target.write_receipt(folder, {"format": form.name, "classes": options.classes, **summary.receipt()})
    return summary


def _split(opened: SourceSet, options: Options, remarks: Sequence[Remark], src: Path) -> dict[str, list[Entry]]:
    """The entries of train and val. Raises UserError, with all that was seen of the set, if there are not enough."""
    try:
        return split_off_val(opened.splits, options.val_share)
    except UserError as error:
        seen = Summary()
        seen.note(remarks)
        raise UserError("; ".join([f"{src}: {error}", *seen.reasons()])) from None


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
            return IGNORE_CATEGORY if common_class(name) == IGNORE_CATEGORY else name
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
        unknown = {self.category(name) for name in image.unknown}
        if IGNORE_CATEGORY in unknown:  # a region that says nothing of any class, and nobody knows where
            boxes = None
        return LabelledImage(image.path, image.name, image.hw, boxes, masks, unknown=unknown)

    def remarks(self, remarks: Iterable[Remark]) -> list[Remark]:
        """The same with the categories that are written."""
        return [replace(remark, category=self.category(remark.category)) if remark.category else remark for remark in remarks]


@dataclass(frozen=True)
class _Result:
    """What became of an image. written: None if it is not written; foreign: because it shows only what no task asks for."""

    written: Written | None
    foreign: bool
    remarks: list[Remark]


def _read_all(entries: Sequence[Entry], translate: Translation, writer: SplitWriter, workers: int | None) -> Iterator[_Result]:
    """Read, translate and write every entry, in order; a few at a time, so that masks do not pile up."""
    count = workers or os.cpu_count() or 1

    def work(entry: Entry) -> _Result:
        source = entry()
        image, remarks = translate(source), translate.remarks(source.remarks)
        if image is None or (image.boxes is None and not image.masks):
            return _Result(None, image is None, remarks)
        writer.write_image(image)
        return _Result(Written.of(image), False, remarks)

    left = iter(entries)
    with ThreadPoolExecutor(count) as pool:
        while chunk := list(islice(left, 16 * count)):
            yield from pool.map(work, chunk)


def _count(summary: Summary, split: str, result: _Result) -> None:
    summary.note(result.remarks)
    if result.written is not None:
        summary.add(split, result.written)
    summary.foreign += result.foreign
    summary.unlabelled += result.written is None and not result.foreign


def _finish(summary: Summary, vocabulary: Vocabulary, translate: Translation) -> None:
    """Which categories and masks were written, and which tasks they serve.

    Every category that the format labels is listed, occurring or not, since a class that is not listed is unknown.
    """
    found = {translate.category(name) for name in vocabulary.labelled or ()} | set(summary.objects) | set(summary.ignored)
    summary.categories = order_categories(found)
    summary.mask_classes = {kind: list(MASK_CLASSES[kind]) if translate.for_tasks else list(translate.mask_classes(kind))
                            for kind in sorted(summary.pixels)}
    if translate.for_tasks:
        styled = PAINT not in translate.mask_classes("lane")
        kinds = [kind for kind, pixels in summary.pixels.items() if pixels.counts[:IGNORE].any()]
        summary.tasks = served_tasks(summary.objects, kinds, styled)


def check_result(summary: Summary, splits: Iterable[str], foreign: Sequence[str], src: Path) -> None:
    """Raises UserError, with all the reasons, for a conversion that wrote nothing to learn from.

    foreign: the set's categories that are no class of a task.
    """
    empty = [split for split in splits if not summary.images[split]]
    if not empty and summary.labelled:
        return
    what = f"no image of {' and '.join(empty)} has a label to write" if empty else f"{summary.searched} images, not one label in them"
    reasons = summary.reasons()
    if summary.unlabelled:
        reasons.append(f"{summary.unlabelled} images are not labelled")
    if summary.foreign:
        wanted = [name for name in CATEGORIES if any(name in classes for classes in TASK_CLASSES.values())]
        rename = shlex.quote(f"{min(foreign)}=CLASS")
        reasons.append(f"{summary.foreign} images show only what no task asks for: {listed(foreign)}; `--classes own` keeps these "
                       f"names for a config of yours, `--rename {rename}` makes one a task's class ({', '.join(wanted)})")
    raise UserError("; ".join([f"{src}: nothing to convert: {what}", *reasons]))


def _check_strange(vocabulary: Vocabulary, options: Options, src: Path) -> None:
    """Raises UserError with all categories at once that the format does not have and nobody has renamed."""
    left = {name: where for name, where in vocabulary.strange.items() if name not in options.rename}
    if options.classes == "own" or not left:
        return
    places = ", ".join(f"'{name}' ({where})" for name, where in list(left.items())[:LISTED_WORDS])
    example = " ".join(shlex.quote(f"{name}=ignore") for name in list(left)[:3])
    count = "1 category" if len(left) == 1 else f"{len(left)} categories"
    raise UserError(f"{src}: {count} that this format does not have: {places}; say what each is with --rename OLD=NEW, a task's "
                    f"class, ignore, or a name of yours, e.g. --rename {example}; or take all names as they are with --classes own")


def _check_rename(rename: Mapping[str, str], seen: set[str], src: Path) -> None:
    for name in rename:
        if name not in seen:
            raise UserError(f"--rename {name}={rename[name]}: {src} has no category '{name}'{did_you_mean(name, seen)}")
