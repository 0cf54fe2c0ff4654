"""Tables of what data hold, class by class: objects of detection tasks, pixels of segmentation tasks, labels of whole images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from mtzoo.data.stats import DataStats

WHYS = 3  # told in a cell
UNUSED_ROWS = 20  # a file may have hundreds of categories that nobody asks for


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
class ShareRow:
    """A class of a segmentation or classification task. images: that show it; share: of the labelled pixels or images, 0..1."""

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


def share_table(title: str, rows: Iterable[ShareRow]) -> Table:
    """class x (images that show it, its share)."""
    table = _table(title, ("images", "share"))
    for row in rows:
        table.add_row(row.group, row.name, f"{row.images:,}", f"{100 * row.share:.2f} %")
    return table


def stats_tables(stats: DataStats, classes: Mapping[str, Sequence[str]], split: str) -> list[Table]:
    """What the data of a split hold, class by class. classes: task -> its classes."""
    tables = []
    if stats.objects:
        rows = [ObjectRow(task, name, int(known), int(row[:-1].sum()), int(row[-1]))
                for task, counts in stats.objects.items() for name, known, row in zip(classes[task], stats.known[task], counts)]
        rows += [ObjectRow("", name, 0, 0, 0, {"no task's class": count}) for name, count in stats.unused.most_common(UNUSED_ROWS)]
        tables.append(object_table(f"{split}: objects", rows))
    if stats.images_of:
        tables.append(share_table(f"{split}: labels of images", [
            ShareRow(task, name, int(count), float(count) / max(int(counts.sum()), 1))
            for task, counts in stats.images_of.items() for name, count in zip(classes[task], counts)]))
    if stats.pixels:
        tables.append(share_table(f"{split}: masks", [
            ShareRow(task, name, int(showing), float(count) / max(int(counts[:-1].sum()), 1))
            for task, counts in stats.pixels.items() for name, showing, count in zip(classes[task], stats.showing[task], counts)]))
    return tables


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
