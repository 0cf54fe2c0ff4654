"""From a format's labels to those that are written: names and ids, unions of categories, and which of the user's options fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np

from mtzoo.data.convert.classes import MASK_CLASSES, common_class, join_riders, mask_table, union_box
from mtzoo.data.convert.records import LabelledBox, LabelledImage, Remark, Vocabulary
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES
from mtzoo.errors import UserError, listed

VAL_SHARE = 0.1
MAX_BAD_IMAGES = 0.1
NEAR = 0.75
"""Likeness (0 to 1) of a word to a class from which on it is taken for a slip: "sing" is "sign"."""
Classes = Literal["tasks", "own", "auto"]


@dataclass(frozen=True)
class Options:
    """classes: "tasks", the six tasks' classes, "own", the format's names and ids as they are, or "auto": own ones if none of them is a
    task's.

    union: name -> own categories whose boxes in an image become one box; rename: own category, or a union's name -> another name,
    before anything else; copy_images: copy instead of linking; val_share: share of a set without a val split that becomes
    it; split_by: the last images by "name", or the last whole folders; workers: threads, None: one for each core; max_bad_images: the
    share of the images that may be left out because they, or their labels, cannot be read.
    """

    classes: Classes = "tasks"
    rename: Mapping[str, str] = field(default_factory=dict)
    copy_images: bool = False
    val_share: float = VAL_SHARE
    workers: int | None = None
    union: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split_by: Literal["name", "folder"] = "name"
    max_bad_images: float = MAX_BAD_IMAGES

    def __post_init__(self) -> None:
        if not 0 < self.val_share < 1:
            raise UserError(f"val share {self.val_share:g}: must lie between 0 and 1")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers: expected at least 1")
        if not 0 <= self.max_bad_images <= 1:
            raise UserError(f"--max-bad-images {self.max_bad_images:g}: expected a share in 0..1")


class Translation:
    """From a format's labels to those that are written. seen: own categories that occurred; called in threads."""

    def __init__(self, vocabulary: Vocabulary, options: Options, roads_only: bool) -> None:
        self.vocabulary, self.options = vocabulary, options
        self.parts = {part: name for name, parts in options.union.items() for part in parts}
        known = [name for name in vocabulary.labelled if name not in self.parts]
        self.labelled = tuple(dict.fromkeys([*known, *options.union]))
        self.classes: Literal["tasks", "own"] = self._classes()
        self.for_tasks = self.classes == "tasks"
        self.roads_only = roads_only and self.for_tasks
        self.tables = {kind: self._table(kind) for kind in vocabulary.masks}
        self.seen: set[str] = {*vocabulary.labelled, *options.union, *(n for own in vocabulary.masks.values() for n in own),
                               *(n for own in vocabulary.image_classes.values() for n in own)}

    def _classes(self) -> Literal["tasks", "own"]:
        if self.options.classes != "auto":
            return self.options.classes
        self.for_tasks = True  # asked by `category`
        boxed = any(self.category(name) in CATEGORIES for name in self.labelled)
        masked = (self._target(kind, name) != IGNORE_CATEGORY for kind, own in self.vocabulary.masks.items() for name in own)
        return "tasks" if boxed or any(masked) else "own"

    def category(self, name: str) -> str:
        """What an own category is called in the converted set."""
        if name in self.options.rename:
            return self.options.rename[name]
        if not self.for_tasks:
            return IGNORE_CATEGORY if common_class(name) == IGNORE_CATEGORY else name
        free = not self.vocabulary.boxes or name in self.options.union
        return self.vocabulary.boxes.get(name) or (common_class(name) if free else None) or name

    def _target(self, kind: str, name: str) -> str:
        """What an own class of a mask is in the converted set, or "ignore"."""
        renamed = self.options.rename.get(name)
        if not self.for_tasks:
            return renamed or name
        return renamed if renamed in (*MASK_CLASSES[kind], IGNORE_CATEGORY) else self.vocabulary.masks[kind][name]

    def mask_classes(self, kind: str) -> Sequence[str]:
        """Classes of the written masks of a kind, in the order of ids; those that can occur when `for_tasks`."""
        own = {self._target(kind, name): None for name in self.vocabulary.masks.get(kind, {})}
        own.pop(IGNORE_CATEGORY, None)
        return list(own) if not self.for_tasks else [c for c in MASK_CLASSES[kind] if c in own]

    def _table(self, kind: str) -> np.ndarray | None:
        """(256,) uint8: own ids -> those that are written; None if nothing of the kind is."""
        own = {name: self._target(kind, name) for name in self.vocabulary.masks[kind]}
        if all(target == IGNORE_CATEGORY for target in own.values()):
            return None
        return mask_table(own, MASK_CLASSES[kind] if self.for_tasks else self.mask_classes(kind))

    def __call__(self, image: LabelledImage) -> LabelledImage | None:
        """The image with translated labels; None for one that shows only what no task asks for."""
        boxes = image.boxes
        if boxes is not None:
            self.seen.update(box.name for box in boxes)
            joined = self._join_parts(join_riders(boxes) if self.for_tasks else boxes)
            boxes = [LabelledBox(self.category(box.name), box.xyxy, box.crowd) for box in joined]
            wanted = {*CATEGORIES, IGNORE_CATEGORY, *self.options.rename.values(), *self.options.union}
            if self.roads_only and boxes and all(box.name not in wanted for box in boxes):
                return None
        masks = {kind: table[mask] for kind, mask in image.masks.items() if (table := self.tables[kind]) is not None}
        unknown = {self.category(self.parts.get(name, name)) for name in image.unknown}
        if IGNORE_CATEGORY in unknown:  # a region that says nothing of any class, and nobody knows where
            boxes = None
        self.seen.update(image.image_labels.values())
        renamed = {task: self.options.rename.get(name, name) for task, name in image.image_labels.items()}
        labels = {task: name for task, name in renamed.items() if name != IGNORE_CATEGORY}
        return LabelledImage(image.path, image.name, image.hw, boxes, masks, unknown=unknown, image_labels=labels)

    def _join_parts(self, boxes: Sequence[LabelledBox]) -> list[LabelledBox]:
        """One box around the parts of each union. With half of them or less nobody knows how far the whole goes, of a car seen from
        its side, say: an ignore region, as is a union with a part that is one."""
        joined = [box for box in boxes if box.name not in self.parts]
        for name, parts in self.options.union.items():
            held = [box for box in boxes if box.name in parts]
            if held:
                whole = 2 * len({box.name for box in held}) > len(parts)
                joined.append(LabelledBox(name, union_box([box.xyxy for box in held]), not whole or any(box.crowd for box in held)))
        return joined

    def remarks(self, remarks: Iterable[Remark]) -> list[Remark]:
        """The same with the categories that are written."""
        return [replace(remark, category=self.category(remark.category)) if remark.category else remark for remark in remarks]


def check_names(options: Options, seen: set[str], src: Path) -> None:
    """Raises UserError with all names at once that --rename, --ignore and --union say and the set does not have."""
    parts = [part for parts in options.union.values() for part in parts]
    missing = [name for name in dict.fromkeys([*options.rename, *parts]) if name not in seen]
    if missing:
        told = ", ".join(f"'{name}'{_meant(name, seen)}" for name in missing)
        raise UserError(f"--rename, --ignore, --union: {src} has no category {told}; it has {listed(seen)}", whole=True)


def _meant(name: str, seen: set[str]) -> str:
    """The category that a misspelt name means, for the message; all are told at its end."""
    close = get_close_matches(name, seen, n=1)
    return f", did you mean '{close[0]}'?" if close else ""


def check_targets(options: Options, vocabulary: Vocabulary, for_tasks: bool) -> None:
    """Raises UserError for a new name of --rename that looks like a class of the six tasks and is none, and for one that a mask of the
    tasks' classes cannot have. A box may have any other name, and a class of whole images any at all."""
    if options.classes == "own":
        return
    of_images = {name for own in vocabulary.image_classes.values() for name in own}
    for old, new in options.rename.items():
        kinds = [kind for kind, own in vocabulary.masks.items() if old in own and for_tasks]
        known = [*CATEGORIES, *(name for kind in kinds for name in MASK_CLASSES[kind])]
        if old in of_images or new in (*known, IGNORE_CATEGORY):
            continue
        nearest = common_class(new) or next(iter(get_close_matches(new, known, n=1, cutoff=NEAR)), None)
        if nearest is not None:
            raise UserError(f"--rename {old}={new}: '{new}' is no class of the six tasks; did you mean '{nearest}'? --classes own "
                            "keeps all names as they are")
        if kinds and old not in vocabulary.labelled:
            raise UserError(f"--rename {old}={new}: '{new}' is no class of the masks; known: {listed(set(known) - set(CATEGORIES))}; "
                            "--classes own keeps all names as they are")
