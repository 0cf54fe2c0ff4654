"""Where labels come from: one frozen spec per kind of source. Configs name them by `type`; every field is plain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from mtzoo.data.image_label_sources import ImageFolder, LabelList, SceneLabels
from mtzoo.data.source_checks import check_common, check_ignore_value, check_separator, check_split, expand_path
from mtzoo.errors import UserError, one_line, without_middle
from mtzoo.structures import IGNORE, MAX_PIXELS
from mtzoo.task_kind import task_kind

IGNORE_CATEGORY = "ignore"
"""In `categories`, the target that turns a category's boxes into ignore regions of every class of the task."""


MOST_SCENES = 1_000_000
OF_SCENES = ("time", "weather", "road")
"""Labels of whole scenes, see `mtzoo.data.synthetic.attributes`."""
LEAST_SIDE = 32
"""Pixels of a rendered scene."""


def check_scene_size(hw: tuple[int, int], name: str) -> None:
    """Raises UserError for a size (height, width) that no scene can be rendered in."""
    if min(hw) < LEAST_SIDE or hw[0] * hw[1] > MAX_PIXELS:
        raise UserError(f"{name}={hw[0]}x{hw[1]}: expected sides of {LEAST_SIDE} or more and at most {MAX_PIXELS:,} pixels")


@dataclass(frozen=True)
class CocoBoxes:
    """COCO JSON boxes over a folder of images.

    categories: category of the file -> class of the task, or "ignore"; categories of a class's own name need no entry.
    labels: the task's classes this source labels; by default those that some category of the file maps to. The task's
    other classes are unknown here, not background. follow_links: images may be links that lead out of their folder, as
    `mtzoo data convert` makes them; without it such a link is a fault.
    """

    KIND: ClassVar[str] = "detection"

    images: str
    annotations: str
    name: str
    weight: float = 1.0
    categories: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_common(self)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.annotations


@dataclass(frozen=True)
class MaskFolder:
    """A folder of images and a folder of one-channel PNG masks, paired by relative path and stem.

    label_map: mask value -> class id, or 255 to ignore; by default values are class ids. A value it lacks is an error.
    ignore_value: mask value of pixels nobody labelled. image_suffix, mask_suffix: how the file names end when the stems
    alone differ, e.g. "_leftImg8bit.png" and "_gtFine_labelIds.png". An image without a mask is not labelled here.
    split, val_every: for a folder that has no split of its own: "val" takes every val_every-th labelled image in the order of
    their names, "train" the others. resize_masks: masks may have another size than their image, not another view; they are
    resized to it (nearest). follow_links: as in CocoBoxes, for masks too.
    """

    KIND: ClassVar[str] = "segmentation"

    images: str
    masks: str
    name: str
    weight: float = 1.0
    label_map: Mapping[int, int] | None = None
    ignore_value: int = IGNORE
    image_suffix: str | None = None
    mask_suffix: str = ".png"
    follow_links: bool = False
    split: Literal["train", "val"] | None = None
    val_every: int | None = None
    resize_masks: bool = False

    def __post_init__(self) -> None:
        check_common(self)
        check_split(self)
        check_ignore_value(self)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.masks


@dataclass(frozen=True)
class MaskList:
    """A text file with a row for each image: image, separator, mask, both below one folder. Masks are one-channel PNG.

    images: that folder; pairs: the text file, anywhere; separator: between the two names, a space for any white space; the rest as
    in MaskFolder. Images that no row names are not read.
    """

    KIND: ClassVar[str] = "segmentation"

    images: str
    pairs: str
    name: str
    weight: float = 1.0
    label_map: Mapping[int, int] | None = None
    ignore_value: int = IGNORE
    separator: str = " "
    resize_masks: bool = False
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_common(self)
        check_ignore_value(self)
        check_separator(self)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.pairs


Files = CocoBoxes | MaskFolder | MaskList | ImageFolder | LabelList | SceneLabels
"""Sources that are files on disk. KIND: of the tasks that they have labels for."""


@dataclass(frozen=True)
class SyntheticScenes:
    """`num` rendered road scenes, made on first use in `root`/synth-<height>x<width>-<num>-<seed>.

    labels: which of the scenes' labels the task reads: "boxes", masks ("seg", "lane"), or of the whole image ("time": day, dusk, night;
    "weather": clear, cloudy, fog, rain; "road": urban, suburban, highway, rural). categories serves boxes and whole images, label_map
    masks.
    """

    num: int
    seed: int
    name: str
    root: str
    labels: Literal["boxes", "seg", "lane", "time", "weather", "road"]
    size_hw: tuple[int, int] = (720, 1280)
    weight: float = 1.0
    categories: Mapping[str, str] = field(default_factory=dict)
    label_map: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        check_common(self)
        if not 1 <= self.num <= MOST_SCENES:
            raise UserError(f"source '{self.name}': num={self.num} scenes; ask for 1 to {MOST_SCENES:,}")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"source '{self.name}': seed={self.seed}; expected 0 to {2**32 - 1:,}")
        check_scene_size(self.size_hw, f"source '{self.name}': size_hw")
        if self.labels not in ("boxes", "seg", "lane", *OF_SCENES):
            raise UserError(f"source '{self.name}': labels='{self.labels}' must be 'boxes', 'seg', 'lane', "
                            f"{' or '.join(map(repr, OF_SCENES))}")

    @property
    def folder(self) -> Path:
        """Where the rendered scenes are kept."""
        height, width = self.size_hw
        return expand_path(self.root) / f"synth-{height}x{width}-{self.num}-{self.seed}"

    def files(self) -> Files:
        """The same source as a reader of the rendered files."""
        images = str(self.folder / "images")
        if self.labels == "boxes":
            return CocoBoxes(images, str(self.folder / "boxes.json"), self.name, self.weight, self.categories)
        if self.labels in OF_SCENES:
            return SceneLabels(images, self.labels, self.num, self.seed, self.size_hw, self.name, self.weight, self.categories)
        return MaskFolder(images, str(self.folder / self.labels), self.name, self.weight, self.label_map)


Source = Files | SyntheticScenes
SOURCES: dict[str, type] = {cls.__name__: cls for cls in (CocoBoxes, MaskFolder, MaskList, ImageFolder, LabelList, SyntheticScenes)}


@dataclass(frozen=True)
class TaskData:
    """What the data side knows of a task. kind: of `mtzoo.task_kind`; oversample_thr: of `repeat_factors`."""

    task: str
    kind: str
    classes: Sequence[str]
    sources: Sequence[Source]
    oversample_thr: float | None = None

    def __post_init__(self) -> None:
        task_kind(self.kind)
        if not self.classes:
            raise UserError(f"task '{self.task}': no classes; name at least one")
        if not self.sources:
            raise UserError(f"task '{self.task}': no data source; add one to its config")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the user's data. where: row, key or annotation id; may be empty."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return without_middle(one_line(": ".join(part for part in (self.file, self.where, self.message) if part)))
