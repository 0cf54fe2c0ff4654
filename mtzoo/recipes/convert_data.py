"""A data set of a published or hand-made layout -> the layout that `configs/converted` reads."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mtzoo.data.convert import FORMATS, VAL_SHARE, Format, Options, Places, Sighting, Summary, convert, recognise
from mtzoo.data.convert.label_studio import is_label_studio
from mtzoo.data.convert.translation import MAX_BAD_IMAGES, Classes
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError, did_you_mean
from mtzoo.files import check_writable

AUTO = "auto"


@dataclass(frozen=True)
class Layout:
    """format: how the files are read; places: where they are; what: what was recognised, "" for a format that was named; others: what
    else was seen there and is not read."""

    format: Format
    places: Places
    what: str = ""
    others: tuple[Sighting, ...] = ()


def convert_data(src: str | Path | None, out: str | Path, *, format: str = AUTO, annotations: str | Path | None = None,
                 images: str | Path | None = None, labels: str | Path | None = None, classes: Classes = "auto",
                 rename: Mapping[str, str] = MappingProxyType({}), ignore: Sequence[str] = (),
                 union: Mapping[str, tuple[str, ...]] = MappingProxyType({}), val_share: float = VAL_SHARE,
                 split_by: Literal["name", "folder"] = "name", max_bad_images: float = MAX_BAD_IMAGES, copy_images: bool = False,
                 workers: int | None = None,
                 on_progress: Callable[[int, int | None], None] = lambda done, total: None) -> Summary:
    """Convert a data set to COCO JSON and PNG masks. The data set itself is not changed.

    The page "Published data sets" lists all formats. `train` and the other functions read the result.

    Args:
        src: The folder of the data set, or the YAML or JSON file that describes it. None if `images` names the folder of the images.
        out: The output folder: new, or an earlier conversion without changed files, which is replaced.
        format: `"auto"` recognises the format. `mtzoo data convert --help` lists the names of all formats.
        annotations: The one label file, for formats that have one.
        images: The folder of the images. Default: searched in `src`.
        labels: The folder of the label files or masks, if `src` has several.
        classes: `"tasks"`: only classes of the six tasks. `"own"`: the names of the data set. `"auto"`: `"own"` if no name belongs to a
            task, otherwise `"tasks"`.
        rename: Old name -> new name of a category. The new name may be `"ignore"`.
        ignore: Categories that become ignore regions.
        union: New name -> categories. One box encloses all boxes of these categories in an image.
        val_share: The share (0 to 1) of the images for validation, if the data set has no such part. Default: 0.1.
        split_by: Take the last images by `"name"`, or whole folders (`"folder"`).
        max_bad_images: The share (0 to 1) of the images that may be left out because they, or their labels, cannot be read. The result
            counts them.
        copy_images: Copy the images. Otherwise the output has links to them.
        workers: Reading threads. Default: chosen by the number of cores.
        on_progress: Called with (images done, total). The total is None if it is unknown.

    Returns:
        The counts of what was written, and of what was left out or repaired.

    Raises:
        UserError: The layout is not recognised, a file that describes the whole data set cannot be read, or more images than
            `max_bad_images` cannot.
    """
    check_writable(Path(out), "--out", folder=True)
    places = places_of(*(None if path is None else Path(path) for path in (src, annotations, images, labels)))
    layout = layout_of(format, places)
    options = Options(classes, with_ignored(rename, ignore), copy_images, val_share, workers, dict(union), split_by, max_bad_images)
    return convert(layout.format, layout.places, Path(out), options, on_progress)


def layout_of(format: str, places: Places) -> Layout:
    """The format of that name, or the one that is recognised. Raises UserError for another name, and for places that nothing reads."""
    if format != AUTO and format not in FORMATS:
        raise UserError(f"format '{format}': mtzoo converts no such format{did_you_mean(format, (AUTO, *FORMATS))}")
    found = _recognised(places) if format == AUTO else Layout(FORMATS[format], places)
    for option in ("annotations", "images", "labels"):
        if getattr(found.places, option) is not None and option not in found.format.reads:
            name = found.format.name
            raise UserError(f"--{option}: changes nothing for the format {name}, which finds its files by itself; leave it out")
    return found


def _recognised(places: Places) -> Layout:
    if places.annotations is not None and places.annotations.suffix.lower() == ".json":
        form = FORMATS["label_studio" if is_label_studio(places.annotations) else "coco"]
        return Layout(form, places, f"{form.title}: {places.annotations}")
    taken, *others = recognise(places.src, places.labels)
    return Layout(FORMATS[taken.format], replace(places, labels=places.labels or taken.labels), taken.what, tuple(others))


def places_of(src: Path | None, annotations: Path | None, images: Path | None, labels: Path | None) -> Places:
    """Raises UserError for what is not there."""
    root = _folder_of(images, labels) if src is None else src
    if root is None:
        raise UserError("--data DIR is missing: the folder of the data set (or --annotations FILE --images DIR)")
    if root == src and src.is_file() and annotations is None:  # data=set/data.yaml, as ultralytics has it
        root, annotations = src.parent, src
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; name the folder of the data set")
    return Places(root, _existing(annotations, src), _existing(images, src), labels)


def _folder_of(images: Path | None, labels: Path | None) -> Path | None:
    """The folder of a data set of which only parts are named: that of the images, or the innermost that holds their labels, too."""
    if images is None or labels is None or not labels.is_dir():
        return images
    root = Path(os.path.commonpath([os.path.abspath(images), os.path.abspath(labels)]))
    if root == Path(root.anchor):
        raise UserError(f"--images {images} --labels {labels}: only {root} holds both; put them into one folder: --data DIR")
    return root


def _existing(path: Path | None, src: Path | None) -> Path | None:
    """A path that the user names, as it is or relative to the data set."""
    if path is None or path.exists():
        return path
    if src is not None and (src / path).exists():
        return src / path
    raise UserError(f"{path}: no such file or folder; check the path")


def with_ignored(rename: Mapping[str, str], ignore: Sequence[str]) -> dict[str, str]:
    """Old name -> new, those to ignore included. Raises UserError for one that is in both."""
    for name in ignore:
        if name in rename:
            raise UserError(f"--ignore {name}: --rename makes it {rename[name]}; keep one of them")
    return {**rename, **dict.fromkeys(ignore, IGNORE_CATEGORY)}
