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
SCENE_KINDS = {"boxes": "detection", "seg": "segmentation", "lane": "segmentation", **dict.fromkeys(OF_SCENES, "classification")}
"""Labels of rendered scenes -> the kind of task that reads them."""
LEAST_SIDE = 32
"""Pixels of a rendered scene."""


def check_scene_size(hw: tuple[int, int], name: str) -> None:
    """Raises UserError for a size (height, width) that no scene can be rendered in."""
    if min(hw) < LEAST_SIDE or hw[0] * hw[1] > MAX_PIXELS:
        raise UserError(f"{name}={hw[0]}x{hw[1]}: expected sides of {LEAST_SIDE} or more and at most {MAX_PIXELS:,} pixels")


@dataclass(frozen=True)
class CocoBoxes:
    """Boxes of a COCO JSON file, and a folder of images.

    Attributes:
        images: The folder of the images.
        annotations: The COCO JSON file.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        categories: Category in the file -> class of the task, or `"ignore"` for ignore regions. A category with the name of a class
            needs no entry.
        labels: The classes of the task that the file labels. All others are unknown, not background. Default: the classes that some
            category of the file maps to.
        follow_links: Accept images that are links out of their folder, as `mtzoo data convert` makes them.
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
        check_common(type(self).__name__, self.name, self.weight)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.annotations


@dataclass(frozen=True)
class MaskFolder:
    """A folder of images and a folder of one-channel PNG masks, paired by relative path and stem. Images without a mask are unlabelled.

    Attributes:
        images: The folder of the images.
        masks: The folder of the masks.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        label_map: Mask value -> class id, or 255 for unlabelled. Every value that occurs needs an entry. None: values are class ids.
        ignore_value: The mask value of unlabelled pixels.
        image_suffix: The end of the image names if stems differ, e.g. `"_leftImg8bit.png"`.
        mask_suffix: The end of the mask names, e.g. `"_gtFine_labelIds.png"`.
        follow_links: Accept images and masks that are links out of their folder.
        split: For a folder without a split: `"val"` takes every `val_every`-th labelled image by name, `"train"` the others.
        val_every: See `split`.
        resize_masks: Accept masks of another size with the same aspect ratio. They are resized (nearest).
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
        check_common(type(self).__name__, self.name, self.weight)
        check_split(self.name, self.split, self.val_every)
        check_ignore_value(self.name, self.ignore_value)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.masks


@dataclass(frozen=True)
class MaskList:
    """Images and one-channel PNG masks listed in a text file, one row `IMAGE MASK` for each image. Other images are not read.

    Attributes:
        images: The folder of images and masks. The names in the file are relative to it.
        pairs: The text file.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        label_map: Mask value -> class id, or 255 for unlabelled. Every value that occurs needs an entry. None: values are class ids.
        ignore_value: The mask value of unlabelled pixels.
        separator: The separator of the two names. A space: any white space.
        resize_masks: Accept masks of another size with the same aspect ratio. They are resized (nearest).
        follow_links: Accept images and masks that are links out of the folder.
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
        check_common(type(self).__name__, self.name, self.weight)
        check_ignore_value(self.name, self.ignore_value)
        check_separator(self.name, self.separator)

    @property
    def label_place(self) -> str:
        """The file or folder with the labels."""
        return self.pairs


@dataclass(frozen=True)
class UnlabelledImages:
    """A folder of images without labels, subfolders included. A task of any kind can train on them if it has a teacher
    (`distillation`): it learns the teacher's outputs on them.

    Attributes:
        images: The folder of the images.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        follow_links: Accept images that are links out of their folder.
    """

    images: str
    name: str
    weight: float = 1.0
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_common(type(self).__name__, self.name, self.weight)

    @property
    def label_place(self) -> None:
        """There are no labels."""
        return None


Files = CocoBoxes | MaskFolder | MaskList | ImageFolder | LabelList | SceneLabels | UnlabelledImages
"""Sources that are files on disk. KIND: of the tasks that they have labels for."""


@dataclass(frozen=True)
class SyntheticScenes:
    """Rendered road scenes. They are made at first use in `root`/synth-HEIGHTxWIDTH-NUM-SEED.

    Attributes:
        num: The number of scenes.
        seed: The seed of the scenes.
        name: The name of the source.
        root: The folder in which the folder of the scenes is made.
        labels: The labels that the task reads: `"boxes"`, masks (`"seg"`, `"lane"`), or a property of the whole scene: `"time"` (day,
            dusk, night), `"weather"` (clear, cloudy, fog, rain), `"road"` (urban, suburban, highway, rural).
        size_hw: Height and width of the scenes in pixels.
        weight: How often its images are drawn, relative to their number.
        categories: As in `CocoBoxes`, for boxes and properties.
        label_map: As in `MaskFolder`, for masks.
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
        check_common(type(self).__name__, self.name, self.weight)
        if not 1 <= self.num <= MOST_SCENES:
            raise UserError(f"source '{self.name}': num={self.num} scenes; ask for 1 to {MOST_SCENES:,}")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"source '{self.name}': seed={self.seed}; expected 0 to {2**32 - 1:,}")
        check_scene_size(self.size_hw, f"source '{self.name}': size_hw")
        if self.labels not in SCENE_KINDS:
            raise UserError(f"source '{self.name}': labels='{self.labels}' must be {', '.join(map(repr, SCENE_KINDS))}")

    @property
    def folder(self) -> Path:
        """The folder of the rendered scenes."""
        height, width = self.size_hw
        return expand_path(self.root) / f"synth-{height}x{width}-{self.num}-{self.seed}"

    def files(self) -> Files:
        """The source that reads the rendered files."""
        images = str(self.folder / "images")
        if self.labels == "boxes":
            return CocoBoxes(images, str(self.folder / "boxes.json"), self.name, self.weight, self.categories)
        if self.labels in OF_SCENES:
            return SceneLabels(images, self.labels, self.num, self.seed, self.size_hw, self.name, self.weight, self.categories)
        return MaskFolder(images, str(self.folder / self.labels), self.name, self.weight, self.label_map)


Source = Files | SyntheticScenes
SOURCES: dict[str, type] = {cls.__name__: cls for cls in (CocoBoxes, MaskFolder, MaskList, ImageFolder, LabelList, UnlabelledImages,
                                                          SyntheticScenes)}


def check_source_kind(source: Source, kind: str, where: str) -> None:
    """Raises UserError, with what fits, for a source whose labels are not for tasks of this kind. where: the task or the key."""
    if isinstance(source, UnlabelledImages):
        return
    if isinstance(source, SyntheticScenes):
        found, named = SCENE_KINDS[source.labels], f"labels='{source.labels}' of source '{source.name}'"
        fitting = [f"labels='{labels}'" for labels, of in SCENE_KINDS.items() if of == kind]
    else:
        found, named = source.KIND, f"source '{source.name}' ({type(source).__name__})"
        fitting = [cls.__name__ for cls in SOURCES.values() if getattr(cls, "KIND", None) == kind]
    if found != kind:
        raise UserError(f"{where}: {named} is for kind='{found}', and the task has kind='{kind}'; expected {' or '.join(fitting)}")


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
