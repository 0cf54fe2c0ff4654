"""Where labels of whole images come from, as `mtzoo.data.sources` for boxes and masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mtzoo.data.source_checks import check_common, check_separator, check_split


@dataclass(frozen=True)
class ImageFolder:
    """Labels of whole images: a folder with one folder of images for each class, as torchvision's ImageFolder.

    Attributes:
        images: The folder of these folders.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        categories: Folder -> class of the task, or `"ignore"`. A folder with the name of a class needs no entry. Images of other
            folders are unlabelled.
        split: As in `MaskFolder`.
        val_every: As in `MaskFolder`.
        follow_links: Accept images that are links out of their folder.
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
        check_common(type(self).__name__, self.name, self.weight)
        check_split(self.name, self.split, self.val_every)

    @property
    def label_place(self) -> str:
        """The folder whose folders are the labels."""
        return self.images


@dataclass(frozen=True)
class LabelList:
    """Labels of whole images listed in a text file, one row `IMAGE LABEL` for each image.

    Attributes:
        images: The folder of the images. The names in the file are relative to it.
        pairs: The text file.
        name: The name of the source.
        weight: How often its images are drawn, relative to their number.
        categories: Label -> class of the task, or `"ignore"`. A label with the name of a class needs no entry. Images with other labels
            and images without a row are unlabelled.
        separator: The separator of image and label. A space: any white space.
        follow_links: Accept images that are links out of the folder.
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
        check_common(type(self).__name__, self.name, self.weight)
        check_separator(self.name, self.separator)

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
