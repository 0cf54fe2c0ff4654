"""The files of a data set's folder: walked once, and paired by stem."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtzoo.data.convert.drawn import are_drawn
from mtzoo.data.convert.layout import ALL
from mtzoo.data.convert.records import Remark
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.errors import UserError

TEST = "test"
SPLIT_WORDS = re.compile(r"(train|val|test)(ing|id|idation)?(set)?(\d{4})?", re.IGNORECASE)
MASK_WORDS = re.compile(r"mask|annot|label|truth|(^|[_\W])(gt|seg)", re.IGNORECASE)
MASK_ENDINGS = ("_mask", "-mask", "_gt", "_seg", "_label", "_labels", "_matte")
UPLOAD = re.compile(r"^[0-9a-f]{8}-")
HEAD_BYTES = 4096
LOOKED_AT = 3  # files of a folder that may hold masks


class Listing:
    """Every file below a folder, as relative paths. Hidden files and folders are left out, links to folders not followed."""

    def __init__(self, src: Path) -> None:
        self.src = src
        self._files: dict[str, list[Path]] = defaultdict(list)
        for place, folders, files in os.walk(src):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            relative = Path(place).relative_to(src)
            for file in sorted(files):
                if not file.startswith(".") and os.path.isfile(os.path.join(place, file)):  # no pipe: it would be waited for
                    self._files[os.path.splitext(file)[1].lower()].append(relative / file)

    def of(self, *suffixes: str) -> list[Path]:
        """Files with one of the endings, in lower case with the dot."""
        return sorted(path for suffix in suffixes for path in self._files.get(suffix, ()))

    @property
    def endings(self) -> list[str]:
        """Of all files, in lower case with the dot."""
        return list(self._files)

    @cached_property
    def masks(self) -> list[Path]:
        """PNG files called like masks, themselves or their folder, that have an image of the same stem elsewhere; where none is called
        so, those that are drawn like masks."""
        return self._called_masks or self._drawn_masks

    @cached_property
    def images(self) -> list[Path]:
        """Image files but for `mask_like`."""
        return [path for path in self.of(*IMAGE_SUFFIXES) if path not in self.mask_like]

    @cached_property
    def mask_like(self) -> frozenset[Path]:
        """What is called or drawn like a mask, and no photo therefore, whether it is read or not."""
        return frozenset(self._called_masks + self._drawn_masks)

    @cached_property
    def _called_masks(self) -> list[Path]:
        maybe = [path for path in self.of(".png") if MASK_WORDS.search(path.parent.as_posix()) or path.stem.endswith(MASK_ENDINGS)]
        stems = {path.stem for path in set(self.of(*IMAGE_SUFFIXES)) - set(maybe)}
        return [path for path in maybe if stems & mask_stems(path)]

    @cached_property
    def _drawn_masks(self) -> list[Path]:
        """PNG files called like no mask, of folders whose first ones hold a few colours, with a photo of the same stem."""
        left = set(self.of(*IMAGE_SUFFIXES)) - set(self._called_masks)
        counts = Counter(path.stem for path in left)
        folders: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(left):
            if path.suffix.lower() == ".png" and counts[path.stem] > 1:
                folders[path.parent].append(path)
        drawn = [path for paths in folders.values() if are_drawn(self.src / path for path in paths[:LOOKED_AT]) for path in paths]
        photos = {path.stem for path in left - set(drawn)}
        return sorted(path for path in drawn if path.stem in photos)

    def head(self, path: Path) -> str:
        """The first characters of a file."""
        with open(self.src / path, "rb") as file:
            return file.read(HEAD_BYTES).decode("utf-8", "replace").lstrip("\ufeff")


class ImageFinder:
    """Finds the images that an annotation file names, wherever they lie now."""

    def __init__(self, listing: Listing) -> None:
        self.src = listing.src
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in listing.images:
            self._by_name[path.name].append(path)
            self._by_name[path.stem].append(path)

    def find(self, name: str, where: str) -> Path:
        """The image, relative to the folder, whose folders end most as those of `name` do. "0a1b2c3d-a.jpg", as Label Studio calls an
        upload, is a.jpg; "frame_000001", as CVAT calls a frame, is frame_000001.png.

        Raises UserError if there is none, or two that fit equally.
        """
        wanted = Path(name.replace("\\", "/"))
        found = self._by_name.get(wanted.name) or self._by_name.get(UPLOAD.sub("", wanted.name)) or []
        scored = sorted(((_same_tail(path, wanted), path) for path in found), reverse=True)
        if not scored or len(scored) > 1 and scored[0][0] == scored[1][0]:
            why = f"{len(scored)} images of this name, {scored[0][1]} and {scored[1][1]}" if scored else "no such image"
            raise UserError(f"{where}: {why} in {self.src}; put the images where the file says")
        return scored[0][1]


def _same_tail(path: Path, other: Path) -> int:
    """How many of the innermost folders are the same."""
    count = 0
    for a, b in zip(reversed(path.parent.parts), reversed(other.parent.parts)):
        if a != b:
            break
        count += 1
    return count


def split_of(path: Path) -> str:
    """"train", "val" or "test" if a folder of the relative path, the innermost first, is called so; else "all"."""
    for part in reversed(path.parts):
        for word in re.split(r"[^A-Za-z0-9]+", part):
            if found := SPLIT_WORDS.fullmatch(word):
                return found.group(1).lower()
    return ALL


def by_split(paths: Sequence[Path]) -> tuple[dict[str, list[Path]], list[Remark]]:
    """{"train", "val": relative paths of files} as their folders are called, or {"all": ...}; and a remark for a test part left out.

    Files outside of such folders are part of train.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        found[split_of(path.parent)].append(path)
    if len(found) == 1:
        return {ALL: next(iter(found.values()))}, []
    remarks = [Remark("", "in the test part, which is not read", f"{path}: of the test part", "dropped")
               for path in found.pop(TEST, ())]
    if len(found) == 1:
        return {ALL: next(iter(found.values()))}, remarks
    return {"train": sorted(found["train"] + found[ALL]), "val": found["val"]}, remarks


def pair_files(images: Sequence[Path], labels: Sequence[Path], option: str = "--labels") -> dict[Path, Path]:
    """{image: its label file}, relative paths: the label file of the image's stem; of several, that whose folders agree most.

    A mask may add "_mask" and the like to the stem. option: chooses a folder of label files, for the message.
    Raises UserError where two label files agree equally.
    """
    stems: dict[str, list[Path]] = defaultdict(list)
    for label in labels:
        for stem in mask_stems(label):
            stems[stem].append(label)
    pairs = {}
    for image in images:
        scored = sorted(((_shared_folders(image, label), label) for label in stems.get(image.stem, ())), reverse=True)
        if len(scored) > 1 and scored[0][0] == scored[1][0]:
            places = sorted(label.parent.as_posix() for score, label in scored if score == scored[0][0])
            raise UserError(f"{image}: label files of this image lie in {', '.join(places)}; choose one of these with {option}")
        if scored:
            pairs[image] = scored[0][1]
    return pairs


def mask_stems(path: Path) -> set[str]:
    """The stems that the image of a label file may have."""
    return {path.stem, *(path.stem.removesuffix(ending) for ending in MASK_ENDINGS)}


def _shared_folders(image: Path, label: Path) -> int:
    return sum((Counter(image.parent.parts) & Counter(label.parent.parts)).values())


def base_of(paths: Sequence[Path]) -> Path:
    """The innermost folder that holds all the files."""
    return Path(os.path.commonpath([path.parent for path in paths]))


def within(paths: Iterable[Path], folder: Path | None, src: Path) -> list[Path]:
    """Those of the relative paths that lie below `folder`, as the user names it, or None for all. Raises UserError if there is none."""
    if folder is None:
        return list(paths)
    folders = named_folders(folder, src)
    return [path for path in paths if any(path.is_relative_to(below) for below in folders)]


def named_folders(folder: Path, src: Path) -> list[Path]:
    """A folder that the user names, relative to `src`: as it is, or relative to `src` already. Where `src` has none, every folder below
    that ends so: "masks" is train/masks and val/masks."""
    for place in (src / folder, folder):
        if place.is_dir() and place.resolve().is_relative_to(src.resolve()):
            return [place.resolve().relative_to(src.resolve())]
    listing = Listing(src)
    below = {parent for path in listing.of(*listing.endings) for parent in path.parents}
    found = sorted(place for place in below if folder.parts and place.parts[-len(folder.parts):] == folder.parts)
    if not found:
        around = f", e.g. --data {os.path.commonpath([folder.absolute(), src.absolute()])}" if folder.is_dir() else ""
        raise UserError(f"{folder}: no such folder in {src}; name a folder of the data set, or as --data one that holds both{around}")
    return found


def nearest_above(files: Iterable[Path], labels: Iterable[Path]) -> list[Path]:
    """Of `files`, which name classes, say, the one that is nearest to each label file: in its folder, or above it."""
    found: dict[Path, None] = {}
    for folder in sorted({label.parent for label in labels}):
        above = [file for file in files if folder.is_relative_to(file.parent)]
        if above:
            found.setdefault(max(above, key=lambda file: len(file.parts)))
    return list(found)


def labels_by_split(src: Path, pairs: Mapping[Path, Path]) -> tuple[dict[str, list[tuple[Path, str, Path]]], list[Remark]]:
    """{split: [(image, its name in the converted set, label file)]} of relative pairs; and remarks."""
    splits, remarks = by_split(sorted(pairs))
    found = {}
    for split, images in splits.items():
        base = base_of(images)
        found[split] = [(src / image, image.relative_to(base).as_posix(), src / pairs[image]) for image in images]
    return found, remarks


def unlabelled_remarks(images: Sequence[Path], labelled: Mapping[Path, Path], why: str) -> list[Remark]:
    """A remark for each image that no label file belongs to: it is not labelled, and left out."""
    return [Remark("", why, f"{image}: {why}: not labelled") for image in images if image not in labelled]
