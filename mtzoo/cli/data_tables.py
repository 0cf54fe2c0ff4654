"""Tables of what data hold, class by class: objects of detection tasks, pixels of segmentation tasks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.table import Table

WHYS = 3  # told in a cell


@dataclass(frozen=True)
class ObjectRow:
    """A class of a detection task, or a category that is none. images: those in which it is labelled at all; dropped: why -> count."""

    group: str
    name: str
    images: int
    objects: int
    ignored: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PixelRow:
    """A class of a segmentation task. images: masks that show it; share: of the labelled pixels, 0..1."""

    group: str
    name: str
    images: int
    share: float


def object_table(title: str, rows: Iterable[ObjectRow]) -> Table:
    """class x (images labelled, objects, ignored, dropped and why)."""
    table = _table(title, ("images labelled", "objects", "ignored", "dropped"))
    table.add_column("why")
    for row in rows:
        counts = (row.images, row.objects, row.ignored, sum(row.dropped.values()))
        table.add_row(row.group, row.name, *(f"{n:,}" for n in counts), whys(row.dropped))
    return table


def pixel_table(title: str, rows: Iterable[PixelRow]) -> Table:
    """class x (images that show it, share of the labelled pixels)."""
    table = _table(title, ("images", "share"))
    for row in rows:
        table.add_row(row.group, row.name, f"{row.images:,}", f"{100 * row.share:.2f} %")
    return table


def whys(counts: Mapping[str, int]) -> str:
    """ "3 outside the image, 1 no area": the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    more = [f"{sum(n for _, n in ordered[WHYS:]):,} for other reasons"] * (len(ordered) > WHYS)
    return ", ".join([*(f"{n:,} {why}" for why, n in ordered[:WHYS]), *more])


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("of", "class"):
        table.add_column(column)
    for column in columns:
        table.add_column(column, justify="right")
    return table
