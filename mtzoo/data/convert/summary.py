"""What a conversion wrote and what it could not take, counted class by class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mtzoo.data.convert.records import LabelledImage, Remark
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.structures import IGNORE

LISTED_LINES = 10_000
"""Most lines about single labels that are kept; beyond, they are only counted."""


@dataclass(frozen=True)
class Written:
    """What is left of an image once it is on disk: counts. objects: (category, is an ignore region) -> boxes;
    pixels: kind of mask -> (256,) pixels by class id; looked_for: somebody looked for objects here; image_labels: task -> class."""

    looked_for: bool
    objects: Counter[tuple[str, bool]]
    unknown: frozenset[str]
    pixels: dict[str, np.ndarray]
    image_labels: dict[str, str]

    @classmethod
    def of(cls, image: LabelledImage) -> "Written":
        """The counts of a translated image."""
        objects = Counter((box.name, box.crowd or box.name == IGNORE_CATEGORY) for box in image.boxes or ())
        pixels = {kind: np.bincount(mask.ravel(), minlength=256) for kind, mask in image.masks.items()}
        return cls(image.boxes is not None, objects, frozenset(image.unknown), pixels, image.image_labels)


@dataclass
class Pixels:
    """Counts of one kind of mask.

    Attributes:
        images: The number of masks.
        showing: (256,) masks that show each class.
        counts: (256,) pixels of each class.
    """

    images: int = 0
    showing: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))

    def share(self, label: int) -> float:
        """The share (0 to 1) of a class in the labelled pixels."""
        return float(self.counts[label]) / max(int(self.counts[:IGNORE].sum()), 1)


@dataclass
class Summary:
    """What a conversion wrote, left out and repaired.

    Attributes:
        images: The number of written images by part: `"train"`, `"val"`.
        searched: The number of images in which objects were labelled, or searched and not found.
        empty: The number of those without any object: background.
        objects: The number of objects by category.
        ignored: The number of ignore regions by category.
        unknown: Category -> images with an object of it whose place is not known.
        pixels: Counts by kind of mask: `"seg"`, `"lane"`, `"drivable"`.
        image_labels: Task -> (class of the whole image, part) -> number of images.
        remarks: (category, reason, what was done) -> number of labels that were not taken as they are.
        lines: The first of these labels, one line each.
        notes: Sentences about the data set as a whole, each with what to do.
        firsts: What was done -> the line of the first label.
        divided: Whether the data set had no split, so that the conversion made one.
        classes: `"tasks"` or `"own"`.
        foreign: The number of images that show only objects that no task asks for. They are not written.
        unlabelled: The number of images without any label. They are not written.
        categories: The written categories.
        tasks: The tasks of the config `converted/multitask` that can be trained on the result.
        mask_classes: Kind of mask -> names of its classes.
    """

    images: Counter[str] = field(default_factory=Counter)
    searched: int = 0
    empty: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    pixels: dict[str, Pixels] = field(default_factory=dict)
    image_labels: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    remarks: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    firsts: dict[str, str] = field(default_factory=dict)
    divided: bool = False
    classes: str = "tasks"
    foreign: int = 0
    unlabelled: int = 0
    categories: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    mask_classes: dict[str, list[str]] = field(default_factory=dict)

    def add(self, split: str, image: Written) -> None:
        """Count one image."""
        self.images[split] += 1
        self.searched += image.looked_for
        self.empty += image.looked_for and not image.objects
        for (name, crowd), count in image.objects.items():
            (self.ignored if crowd else self.objects)[name] += count
        self.unknown.update(image.unknown)
        for kind, counts in image.pixels.items():
            pixels = self.pixels.setdefault(kind, Pixels())
            pixels.images += 1
            pixels.showing += counts > 0
            pixels.counts += counts
        for task, name in image.image_labels.items():
            self.image_labels.setdefault(task, Counter())[name, split] += 1

    def note(self, remarks: Sequence[Remark]) -> None:
        """Count what was not taken as it is."""
        for remark in remarks:
            self.remarks[remark.category, remark.why, remark.result] += 1
            self.firsts.setdefault(remark.result, remark.line)
            if len(self.lines) < LISTED_LINES:
                self.lines.append(remark.line)

    @property
    def labelled(self) -> bool:
        """Whether anything at all was labelled: an object, an ignore region, a pixel or a whole image."""
        return bool(self.objects or self.ignored or self.image_labels) or any(p.counts[:IGNORE].any() for p in self.pixels.values())

    def whys(self, result: str, category: str | None = None) -> Counter[str]:
        """Why labels of a category, or of all, were "dropped", "ignored" or "mended", with counts."""
        found: Counter[str] = Counter()
        for (name, why, became), count in self.remarks.items():
            if became == result and category in (None, name):
                found[why] += count
        return found

    def reasons(self) -> list[str]:
        """Why what is missing is missing, with counts and the first place."""
        found = [f"{count} {result}: {why}" for (_, why, result), count in self.remarks.items() if result != "mended"]
        return [*found, f"first: {self.lines[0]}"] if self.lines else found

    def dropped_categories(self) -> list[str]:
        """Categories that are not written, but of which labels were dropped."""
        return sorted({name for name, _, result in self.remarks if result == "dropped"} - set(self.categories))

    @property
    def image_classes(self) -> dict[str, list[str]]:
        """Task -> its classes of whole images, sorted."""
        return {task: sorted({name for name, _ in counts}) for task, counts in sorted(self.image_labels.items())}

    def receipt(self) -> Mapping[str, object]:
        """The same for convert.json."""
        masks = {kind: pixels.images for kind, pixels in sorted(self.pixels.items())}
        return {"images": dict(self.images), "categories": self.categories, "boxes": dict(sorted(self.objects.items())),
                "ignored": dict(sorted(self.ignored.items())), "masks": masks, "mask_classes": self.mask_classes,
                "image_classes": self.image_classes, "tasks": self.tasks,
                "dropped": dict(self.whys("dropped")), "mended": dict(self.whys("mended")), "remarks": self.lines, "notes": self.notes,
                "foreign_images": self.foreign, "unlabelled_images": self.unlabelled}
