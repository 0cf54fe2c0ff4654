"""Which format a folder is in: `--format auto`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from mtzoo.data.convert.coco_subset import coco_files
from mtzoo.data.convert.cvat import cvat_xmls
from mtzoo.data.convert.image_folder import class_folders
from mtzoo.data.convert.label_studio import label_studio_files
from mtzoo.data.convert.listing import Listing, pair_files, within
from mtzoo.data.convert.pascal import HEADER
from mtzoo.data.convert.voc import voc_xmls
from mtzoo.data.convert.yolo_names import names_classes
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.tag_names import FILE
from mtzoo.errors import UserError, listed
from mtzoo.plain_yaml import YAML_SUFFIXES

LISTED = 3
SAMPLED = 50
KITTI_COLUMNS = (15, 16)  # 16: with a score


@dataclass(frozen=True)
class Sighting:
    """A format that was seen. what: files and folders it was seen by; labels: the folder of its label files, None for all."""

    format: str
    what: str
    labels: Path | None = None


def recognise(src: Path, labels: Path | None = None) -> list[Sighting]:
    """The formats seen in a folder, the one to take first: published layouts, annotation files, label files, masks, classes of whole
    images.

    labels: the folder of label files or masks that the user names; nothing else is looked at then.
    Raises UserError, with what there is, if none is.
    """
    listing = Listing(src)
    if labels is not None:
        below = within(listing.of(".txt", ".png"), labels, src)
        if found := [*_label_files(listing, below), *_mask_files(listing, below)]:
            return found
        raise UserError(f"{labels}: no label file or mask of an image in {src} is in it; name another folder")
    published = [Sighting(name, what) for name, seen in PUBLISHED.items() if (what := seen(src))]
    if published:
        return published
    found = [*_annotation_files(listing), *_label_files(listing, listing.of(".txt")), *_mask_files(listing, listing.masks)]
    table = f"classes of images: {FILE}" if (src / FILE).is_file() else ""
    if found and table:
        found[0] = replace(found[0], what=f"{found[0].what}; {table}")
    elif table:
        found = [Sighting("image_labels", table)]
    hint = ""
    if not found:
        found, hint = _class_folders(listing)
    if not found:
        kinds = Counter(path.suffix.lower() or "no ending" for path in listing.of(*listing.endings))
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(6)) or "no file"
        raise UserError(f"{src}: no layout is recognised ({told}); name the format (`mtzoo data convert --help` lists them), or the "
                        f"file of labels: --annotations FILE --images DIR{hint}")
    return found


def _class_folders(listing: Listing) -> tuple[list[Sighting], str]:
    """Folders of images that are classes as far as their names tell; or why they are not taken for that."""
    folders = class_folders(listing.of(*IMAGE_SUFFIXES))
    if len(folders.counts) < 2 or folders.beside:
        return [], ""
    if odd := folders.no_classes():
        return [], f"; the folders {listed(odd)} are not taken for classes: if each is one, --format image_folder"
    counts = ", ".join(f"{name} ({count})" for name, count in sorted(folders.counts.items())[:2 * LISTED])
    more = f" and {len(folders.counts) - 2 * LISTED} more" if len(folders.counts) > 2 * LISTED else ""
    return [Sighting("image_folder", f"a folder of images for each class: {counts}{more}")], ""


def _annotation_files(listing: Listing) -> Iterator[Sighting]:
    if files := coco_files(listing):
        yield Sighting("coco", f"COCO: {_some(files)}")
    jsons = [path for path in listing.of(".json") if path not in set(files)]
    if labelme := [path for path in jsons[:SAMPLED] if _holds(listing, path, '"shapes"', '"imagePath"')]:
        yield Sighting("labelme", f"LabelMe: {_some(labelme)}")
    if studio := label_studio_files(listing):
        yield Sighting("label_studio", f"Label Studio: {_some(studio)}")
    if cvat := cvat_xmls(listing):
        yield Sighting("cvat", f"CVAT: {_some(cvat)}")
    if voc := voc_xmls(listing):
        yield Sighting("voc", f"Pascal VOC XML: {_some(voc)}")


def _holds(listing: Listing, path: Path, *words: str) -> bool:
    content = (listing.src / path).read_bytes()
    return all(word.encode() in content for word in words)


def _label_files(listing: Listing, files: Sequence[Path]) -> Iterator[Sighting]:
    """Text files, of `files`, with the stems of images: one labelling, or several of the same images, each in a folder of its own; the
    one beside a YAML of class names first."""
    texts = [path for path in files if path.suffix.lower() == ".txt"]
    labellings: dict[Path | None, list[Path]]
    try:
        labellings = {None: list(pair_files(listing.images, texts).values())}
    except UserError:  # two label files of one image
        described = {path.parent.parts[0] for path in listing.of(*YAML_SUFFIXES) if path.parent.parts}
        folders = sorted({Path(path.parts[0]) for path in texts if len(path.parts) > 1}, key=lambda f: (f.name not in described, f))
        labellings = {folder: list(pair_files(listing.images, [p for p in texts if p.is_relative_to(folder)]).values())
                      for folder in folders}
    for folder, paths in labellings.items():
        kind = _kind_of_text(listing, paths)
        if kind is not None:
            name, title = kind
            places = sorted({path.parent.as_posix() for path in paths})
            yield Sighting(name, f"{title}: {len(paths)} text files in {', '.join(places[:LISTED])}", folder)


def _kind_of_text(listing: Listing, paths: Sequence[Path]) -> tuple[str, str] | None:
    """(format, what to call it) of label files, by the first of them that say something. Where none does, they are those of a YOLO
    set without a box, if a file names classes."""
    rows: list[list[str]] = []
    for head in islice((head for path in paths if (head := listing.head(path)).strip()), SAMPLED):
        if HEADER in head[:200]:
            return "pascal", "PASCAL text"
        rows += [line.split() for line in head.splitlines()[:20] if line.strip()]
    if not rows:
        return ("yolo", "YOLO without a box") if paths and names_classes(listing.src) else None
    if all(len(row) in KITTI_COLUMNS and not _is_number(row[0]) for row in rows[:1]):
        return "kitti", "KITTI text"
    if all(map(_is_number, rows[0])) and len(rows[0]) >= 5:
        return "yolo", "YOLO polygons" if any(len(row) > 5 for row in rows) else "YOLO boxes"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mask_files(listing: Listing, files: Sequence[Path]) -> Iterator[Sighting]:
    """PNG files, of `files`, with the stems of images."""
    masks = [path for path in files if path.suffix.lower() == ".png"]
    try:
        paths = list(pair_files(listing.images, masks).values())
    except UserError:  # several kinds of masks of the same images: the user says which
        paths = masks
    if paths:
        places = sorted({path.parent.as_posix() for path in paths})
        yield Sighting("masks", f"PNG masks: {len(paths)} in {', '.join(places[:LISTED])}")


def _some(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - LISTED} more" if len(paths) > LISTED else ""
    return ", ".join(path.as_posix() for path in paths[:LISTED]) + more


def _folders(*names: str) -> Callable[[Path], str]:
    """Sees a layout by folders that are all there."""
    return lambda src: " and ".join(names) if all((src / name).is_dir() for name in names) else ""


def _either(*seen: Callable[[Path], str]) -> Callable[[Path], str]:
    return lambda src: next((what for see in seen if (what := see(src))), "")


def _cityscapes(src: Path) -> str:
    what = _folders("leftImg8bit", "gtFine")(src)
    return what if what and next((src / "gtFine").rglob("*_labelIds.png"), None) else ""


def _idd(src: Path) -> str:
    return "" if _cityscapes(src) else _folders("leftImg8bit", "gtFine")(src)


def _tusimple(src: Path) -> str:
    return ", ".join(path.name for path in sorted(src.glob("label_data_*.json"))[:LISTED])


PUBLISHED: dict[str, Callable[[Path], str]] = {
    "bdd100k": _either(_folders("images/100k", "labels"), _folders("images/10k", "labels")),
    "cityscapes": _cityscapes, "idd": _idd,
    "kitti": _either(_folders("training/image_2", "training/label_2"), _folders("image_2", "label_2")),
    "camvid": _either(_folders("701_StillsRaw_full", "LabeledApproved_full"), _folders("train", "trainannot")),
    "tusimple": _tusimple,
    "culane": lambda src: "list/" if any((src / "list" / name).is_file() for name in ("train.txt", "train_gt.txt")) else "",
}
"""Format -> what it is seen by in a folder, empty if it is not."""
