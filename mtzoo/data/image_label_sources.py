"""Where labels of whole images come from, as `mtzoo.data.sources` for boxes and masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mtzoo.data.source_checks import check_common, check_separator, check_split


@dataclass(frozen=True)
class ImageFolder:
    """Labels of whole images: a folder that holds a folder of images for each class, as torchvision's ImageFolder.

    categories: folder -> class of the task, or "ignore"; folders of a class's own name need no entry. Images in other folders are not
    labelled. split, val_every, follow_links: as in MaskFolder.
    """

    KIND: ClassVar[str] = "classification"

    images: str
    name: str
    weight: float = 1.0
    categories: Mapping[str, str] = field(default_factory=dict)
    split: Literal["train", "val"] | None = None
    val_every: int | None = None
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_common(self)
        check_split(self)

    @property
    def label_place(self) -> str:
        """The folder whose folders are the labels."""
        return self.images


@dataclass(frozen=True)
class LabelList:
    """Labels of whole images: a text file with a row for each image: image, separator, label. Images lie below one folder.

    images: that folder, which may serve other tasks, too; pairs: the text file, anywhere; separator: as in MaskList; categories: label
    of the file -> class of the task, or "ignore"; labels of a class's own name need no entry. Images with another label, and those that
    no row names, are not labelled. follow_links: as in CocoBoxes.
    """

    KIND: ClassVar[str] = "classification"

    images: str
    pairs: str
    name: str
    weight: float = 1.0
    categories: Mapping[str, str] = field(default_factory=dict)
    separator: str = " "
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_common(self)
        check_separator(self)

    @property
    def label_place(self) -> str:
        """The text file."""
        return self.pairs


@dataclass(frozen=True)
class SceneLabels:
    """What the renderer knows of its scenes as a whole. Made by `SyntheticScenes.files`; a config names that."""

    KIND: ClassVar[str] = "classification"

    images: str
    attribute: str
    num: int
    seed: int
    size_hw: tuple[int, int]
    name: str
    weight: float = 1.0
    categories: Mapping[str, str] = field(default_factory=dict)
    follow_links: bool = False

    @property
    def label_place(self) -> str:
        return f"the scenes' {self.attribute}"
