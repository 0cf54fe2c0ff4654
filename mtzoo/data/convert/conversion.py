"""A data set of any format -> COCO JSON and PNG masks in the one layout that configs/converted reads.

    OUT/{train,val}/images/...     links to the images, or copies
    OUT/{train,val}/boxes.json     if boxes are labelled
    OUT/{train,val}/seg|lane|drivable/...png     masks named like the images, if such are labelled
    OUT/{train,val}/TASK.tsv       a row "image <tab> class" for each image, if whole images are labelled
    OUT/convert.json               the receipt: classes, counts, what was left out
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mtzoo.console import numbered
from mtzoo.data.convert.classes import MASK_CLASSES, PAINT, TASK_NAMES, order_categories, served_tasks
from mtzoo.data.convert.image_labels import with_image_labels
from mtzoo.data.convert.layout import split_off_val, unread_images
from mtzoo.data.convert.left_out import LeftOut
from mtzoo.data.convert.output import OutFolder, SplitWriter
from mtzoo.data.convert.records import Entry, Format, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.summary import Summary, Written
from mtzoo.data.convert.translation import Options, Translation, check_names, check_targets
from mtzoo.data.images import probe, read_bytes
from mtzoo.data.shared_images import shared_images
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import UserError, cut, listed
from mtzoo.structures import IGNORE

OnProgress = Callable[[int, int], None]
UNREADABLE = "unreadable image or labels"
MOST_TOLD = 200
"""Categories in a message; a set of more is damaged."""


def convert(form: Format, places: Places, out: Path, options: Options, on_progress: OnProgress | None = None) -> Summary:
    """Convert the data set at `places` into `out`, which appears when it is whole; the data set stays as it is.

    An `out` that an earlier conversion wrote, and nobody changed since, is replaced. on_progress(done, total) counts images.
    An image that cannot be read, or whose labels cannot, is left out and told; more than `options.max_bad_images` of them are an error.
    Raises UserError for a file that describes the whole set and is wrong, too, and for an `out` that holds anything else.
    """
    src = places.src
    if not src.is_dir():
        raise UserError(f"--data {src}: no such folder; name the folder of the {form.title} data set")
    target = OutFolder(out, src)
    opened = with_image_labels(form.open(places), src)
    _check_options(form, opened.vocabulary, options)
    unread = unread_images(src)
    splits = _split(opened, options, [*opened.remarks, *unread], src)
    translate = Translation(opened.vocabulary, options, opened.roads_only)
    _check_strange(opened.vocabulary, translate, src)
    check_targets(options, opened.vocabulary, translate.for_tasks)
    if not opened.vocabulary.tagged:
        check_names(options, translate.seen, src)
    summary = Summary(divided=not opened.splits.get("val"), classes=translate.classes,
                      notes=[*opened.notes, *_shared_images(splits)])
    summary.note([*translate.remarks(opened.remarks), *unread])
    total, done = sum(map(len, splits.values())), 0
    left_out = LeftOut(total, options.max_bad_images, src)
    with target.writing() as folder:
        writers = {split: SplitWriter(folder / split, options.copy_images) for split in splits}
        for split, entries in splits.items():
            for result in _read_all(entries, translate, writers[split], options.workers):
                _count(summary, split, result)
                left_out.count(result.fault)
                done += 1
                if on_progress:
                    on_progress(done, total)
        left_out.check()
        check_names(options, translate.seen, src)
        _finish(summary, translate)
        check_result(summary, splits, [name for name in translate.seen if translate.category(name) not in CATEGORIES], src)
        for writer in writers.values():
            writer.write_boxes(summary.categories)
            writer.write_image_labels(summary.image_classes)
        target.write_receipt(folder, {"format": form.name, "classes": translate.classes, **summary.receipt()})
    return summary


def _check_options(form: Format, vocabulary: Vocabulary, options: Options) -> None:
    """Raises UserError for an option that the format has no use for."""
    if options.union and not vocabulary.boxed:
        raise UserError(f"--union: makes one box of several, and the format {form.name} has no boxes; --rename makes one class of "
                        "several")
    if options.split_by == "folder" and form.class_folders:
        raise UserError(f"--split-by folder: each folder is a class in the format {form.name}, and train would lack the classes of "
                        "val; leave it out: val gets the same share of each class")


def _split(opened: SourceSet, options: Options, remarks: Sequence[Remark], src: Path) -> dict[str, list[Entry]]:
    """The entries of train and val. Raises UserError, with all that was seen of the set, if there are not enough."""
    try:
        return split_off_val(opened.splits, options.val_share, options.split_by)
    except UserError as error:
        seen = Summary()
        seen.note(remarks)
        raise UserError("; ".join([f"{src}: {error}", *seen.reasons()])) from None


def _shared_images(splits: Mapping[str, Sequence[Entry]]) -> list[str]:
    """A note if images of val are images of train, too."""
    told = shared_images(*([entry.path for entry in splits[split]] for split in ("train", "val")))
    return [f"{told}, or take val out of the set's description: then the last images become val (--val-share)"] if told else []


@dataclass(frozen=True)
class _Result:
    """What became of an image. written: None if it is not written; foreign: because it shows only what no task asks for; fault: why it
    cannot be read."""

    written: Written | None
    foreign: bool
    remarks: list[Remark]
    fault: str = ""


def _read_all(entries: Sequence[Entry], translate: Translation, writer: SplitWriter, workers: int | None) -> Iterator[_Result]:
    """Read, translate and write every entry, in order; a few at a time, so that masks do not pile up."""
    count = workers or os.cpu_count() or 1

    def work(entry: Entry) -> _Result:
        try:
            source = entry.read()
            source.check_masks()
            probe(read_bytes(source.path), source.path)  # training would stop at one that is cut off
        except UserError as error:
            return _Result(None, False, [Remark("", UNREADABLE, str(error))], str(error))
        image, remarks = translate(source), translate.remarks(source.remarks)
        if image is None or (image.boxes is None and not image.masks and not image.image_labels):
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
    summary.unlabelled += result.written is None and not result.foreign and not result.fault


def _finish(summary: Summary, translate: Translation) -> None:
    """Which categories and masks were written, and which tasks they serve.

    Every category that the format labels is listed, occurring or not, since a class that is not listed is unknown.
    """
    found = {translate.category(name) for name in translate.labelled} | set(summary.objects) | set(summary.ignored)
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
        rename = shlex.quote(f"{min(foreign)}=CLASS")
        reasons.append(f"{summary.foreign} images show only what no task asks for: {listed(foreign)}; `--classes own` keeps these "
                       f"names for a config of yours, `--rename {rename}` makes one a task's class ({', '.join(TASK_NAMES)})")
    raise UserError("; ".join([f"{src}: nothing to convert: {what}", *reasons]))


def _check_strange(vocabulary: Vocabulary, translate: Translation, src: Path) -> None:
    """Raises UserError with all categories at once that the format does not have and nobody has renamed."""
    left = {name: strange for name, strange in vocabulary.strange.items() if name not in translate.options.rename}
    if not translate.for_tasks or not left:
        return
    count = "1 category" if len(left) == 1 else f"{len(left)} categories"
    left = dict(islice(left.items(), MOST_TOLD))
    found = ", ".join(f"'{cut(name)}' ({numbered(strange.count, 'object')}, first {strange.where})" for name, strange in left.items())
    names = " ".join(shlex.quote(name) for name in left)
    renames = " ".join(shlex.quote(f"{name}=CLASS") for name in left)
    raise UserError(f"{src}: {count} that this format does not have: {found}; say what each is: --rename {renames} (CLASS is one of "
                    f"{', '.join(TASK_NAMES)}, or a name of yours), --ignore {names} for regions that do not count, or --classes own "
                    "for all names as they are", whole=True)
