"""A folder of images for each class, as torchvision's ImageFolder: the label belongs to the whole image.

    day/a.jpg night/b.jpg                       val gets the same share of each class
    train/day/a.jpg val/day/b.jpg               or day/train/a.jpg day/val/b.jpg
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtzoo.data.convert.layout import ALL
from mtzoo.data.convert.listing import SPLIT_WORDS, TEST, Listing, base_of, within
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.images import IMAGE_SUFFIXES, upright_hw
from mtzoo.data.tag_names import TASK
from mtzoo.errors import UserError

LAYOUT = "a folder of images for each class, below train and val or not"
NO_CLASSES = re.compile(
    r"(images?|imgs?|jpegimages|jpe?g|png|pictures?|photos?|frames?|rgb|depth|raw|masks?|labels?|annotations?|annots?|ground|truth|"
    r"groundtruth|gts?|seg|segmentations?|train|val|valid|test|cam|camera|drives?|sequence|seq|videos?|clips?|scenes?|part|batch|"
    r"sync|data)")
"""Words of folders that hold parts of a data set, or drives, more often than a class."""


@dataclass(frozen=True)
class ClassFolders:
    """splits: "train" and "val", or "all" -> [(image, class)], relative paths; test: images of the test part; beside: images that lie
    in no folder of a class."""

    splits: dict[str, list[tuple[Path, str]]]
    test: list[Path]
    beside: list[Path]

    @property
    def counts(self) -> Counter[str]:
        """Class -> images."""
        return Counter(name for items in self.splits.values() for _, name in items)

    def no_classes(self) -> list[str]:
        """Folders whose names say that they are no classes: images, masks, drive_001, 2011_09_26."""
        return [name for name in sorted(self.counts) if _is_no_class(name)]


def _is_no_class(name: str) -> bool:
    words = re.findall(r"[a-z]+", name.lower())
    return all(NO_CLASSES.fullmatch(word) for word in words) and (bool(words) or len(re.findall(r"\d+", name)) > 1)


def class_folders(images: Sequence[Path]) -> ClassFolders:
    """Relative image paths by the folders that may be classes. A folder around all of them says nothing."""
    if not images:
        return ClassFolders({}, [], [])
    base = base_of(images)
    below = {image: image.relative_to(base).parts[:-1] for image in images}
    place = next((k for k in (0, 1) if all(len(parts) > 1 and SPLIT_WORDS.fullmatch(parts[k]) for parts in below.values())), None)
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    beside = []
    for image, parts in below.items():
        if not parts:
            beside.append(image)
        elif place is None:
            found[ALL].append((image, parts[0]))
        else:
            found[SPLIT_WORDS.fullmatch(parts[place])[1].lower()].append((image, parts[1 - place]))
    test = [image for image, _ in found.pop(TEST)] if len(found) > 1 and TEST in found else []
    if len(found) == 1:
        found = {ALL: next(iter(found.values()))}
    return ClassFolders(dict(found), test, beside)


def open_image_folder(places: Places) -> SourceSet:
    """Raises UserError if no image lies in a folder of its class."""
    listing = Listing(places.src)
    folders = class_folders(within(listing.of(*IMAGE_SUFFIXES), places.images, places.src))
    if not folders.splits:
        raise UserError(f"{places.src}: no image in a folder of its class; --data must contain {LAYOUT}")
    entries = {}
    for split, items in folders.splits.items():
        base = base_of([image for image, _ in items])
        ordered = _last_of_each_class_last(items) if split == ALL else items
        entries[split] = [Entry.of(_read, places.src / image, _name(image, base, label), label) for image, label in ordered]
    remarks = [Remark("", "in the test part, which is not read", f"{path}: of the test part") for path in folders.test]
    remarks += [Remark("", "in no folder of a class", f"{path}: lies beside the folders of the classes") for path in folders.beside]
    return SourceSet(entries, Vocabulary(image_classes={TASK: sorted(folders.counts)}), remarks)


def _name(image: Path, base: Path, label: str) -> str:
    """The image's name in the converted set; its folder shows its class also where a split has one class alone."""
    name = image.relative_to(base)
    return (name if label in name.parts[:-1] else label / name).as_posix()


def _last_of_each_class_last(items: Sequence[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """Ordered so that each share at the end has that share of every class, and of one with several images one at least while there is
    room."""
    counts, seen, keyed = Counter(label for _, label in items), Counter[str](), []
    for item in sorted(items):
        seen[item[1]] += 1
        keyed.append((seen[item[1]] / counts[item[1]] if counts[item[1]] > 1 else 0.0, item))
    return [item for _, item in sorted(keyed)]


def _read(image: Path, name: str, label: str) -> LabelledImage:
    return LabelledImage(image, name, upright_hw(image), image_labels={TASK: label})


FORMAT = Format("image_folder", "a folder of images for each class", LAYOUT, open_image_folder, ("images",), class_folders=True)
