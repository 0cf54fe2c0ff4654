"""Where the label files of a YOLO set are, and whether their long rows are polygons or poses."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mtzoo.data.convert.layout import numbers, read_lines
from mtzoo.data.convert.listing import Listing, pair_files, within
from mtzoo.data.convert.records import Remark
from mtzoo.errors import UserError

LISTED_PLACES = 6
IMAGE_FOLDER, LABEL_FOLDERS = "images", ("labels", "label")
BOX_COLUMNS = 5
POSE_SHARE = 0.9  # share of a pose set's rows that make sense as such; polygons do so by chance, those in the image's middle
EDGE = 0.05  # of the image's size; more than rounding
NEAR = 0.75  # of the box's size, from its centre: half would be inside

Place = Callable[[Path], Path | None]
"""An image below the root -> where a layout keeps its label file, below the root, too; None if it has no such place."""


def find_label_files(root: Path, images: Sequence[Path], beside: Path, folder: Path | None = None) -> dict[Path, Path]:
    """{image: its label file} of those images that have one, all by one rule, the first that finds a file.

    YOLO's own rule comes first: the last folder called "images" becomes "labels". Then: beside the image; any other folder of the
    path replaced by "labels" or "label"; such a folder put in anywhere; at last any text file of the image's stem, below the
    YAML's folder `beside`, else below `root`. folder: the one that the user names, which alone is looked into.
    Raises UserError naming the places if no image has one.
    """
    if folder is not None:
        return _by_stem(root, images, within(Listing(root).of(".txt"), folder, root))
    relative = [image.relative_to(root) for image in images]
    sought: dict[Path, None] = {}
    for place in _places(max((len(path.parts) - 1 for path in relative), default=0)):
        found = {}
        for image, path in zip(images, relative):
            label = place(path)
            if label is not None:
                label = label.with_suffix(".txt")
                sought.setdefault(label.parent)
                if (root / label).is_file():
                    found[image] = root / label
        if found:
            return found
    texts = Listing(root).of(".txt")
    for place_below in dict.fromkeys((beside, root)):
        if by_stem := _by_stem(root, images, [path for path in texts if (root / path).is_relative_to(place_below)]):
            return by_stem
    places = ", ".join(map(str, list(sought)[:LISTED_PLACES]))
    raise UserError(f"{root}: none of the label files of the {len(images)} images in {relative[0].parent} was found; "
                    f"{relative[0].stem}.txt was looked for in {places} and further folders called labels; put the files into one of "
                    "these, or take the split out")


def _by_stem(root: Path, images: Sequence[Path], texts: Sequence[Path]) -> dict[Path, Path]:
    """texts: relative to `root`."""
    pairs = pair_files([image.relative_to(root) for image in images], texts)
    return {root / image: root / label for image, label in pairs.items()}


def _places(depth: int) -> Iterable[Place]:
    yield lambda path: _replaced(path, [i for i, part in enumerate(path.parts[:-1]) if part == IMAGE_FOLDER][-1:], LABEL_FOLDERS[0])
    yield lambda path: path
    for name in LABEL_FOLDERS:
        for i in reversed(range(depth)):
            yield lambda path, i=i, name=name: _replaced(path, [i], name)
        for i in reversed(range(depth + 1)):
            yield lambda path, i=i, name=name: Path(*path.parts[:i], name, *path.parts[i:]) if i < len(path.parts) else None


def _replaced(path: Path, places: Sequence[int], name: str) -> Path | None:
    """The path with its folder at places[0] called `name`; None where it has no such folder."""
    if not places or places[0] >= len(path.parts) - 1:
        return None
    return Path(*path.parts[:places[0]], name, *path.parts[places[0] + 1:])


def background_remarks(images: Iterable[Path], labels: Mapping[Path, Path]) -> list[Remark]:
    """A remark for each image without a label file: by YOLO's rule it shows no object."""
    return [Remark("", "image without a label file, by YOLO's rule", f"{image}: no label file: background", "background")
            for image in images if image not in labels]


def has_polygons(files: Iterable[Path]) -> bool:
    """Whether any row is longer than a box's."""
    return any(True for _ in _long_rows(files))


def _long_rows(files: Iterable[Path]) -> Iterator[tuple[str, list[float]]]:
    """(file and row, the numbers after the class) of rows that are longer than a box's. A fault ends its file: it is told with the
    image, which is left out."""
    for path in files:
        with suppress(UserError):
            for where, line in read_lines(path):
                row = line.split()
                if len(row) > BOX_COLUMNS:
                    yield where, numbers(row[1:], where)


def check_long_rows(files: Iterable[Path], described_by: str) -> None:
    """Raises UserError if rows of more than 5 columns could be polygons or poses (box and keypoints).

    They are polygons if their lengths differ, or if many of them make no sense as poses. described_by: the file that can settle it.
    """
    first = ""
    rows = poses = columns = 0
    for where, values in _long_rows(files):
        if columns not in (0, len(values) + 1):
            return
        first, columns, rows = first or where, len(values) + 1, rows + 1
        poses += may_be_pose(values)
    if rows and poses >= POSE_SHARE * rows:
        raise UserError(f"{first}: rows of {columns} columns could be polygons, or boxes with keypoints; write kpt_shape: [number of "
                        f"keypoints, 2 or 3] into {described_by} for keypoints, kpt_shape: null for polygons")


def may_be_pose(values: Sequence[float]) -> bool:
    """Whether cx, cy, w, h and what follows can be a box in the image and keypoints of which most lie around it."""
    cx, cy, w, h = values[:4]
    if not all(c - side / 2 >= -EDGE and c + side / 2 <= 1 + EDGE for c, side in ((cx, w), (cy, h))):
        return False
    rest = values[4:]
    has_visibility = len(rest) % 3 == 0 and set(rest[2::3]) <= {0, 1, 2}
    if not has_visibility and len(rest) % 2:
        return False
    pairs = zip(rest[0::3], rest[1::3]) if has_visibility else zip(rest[0::2], rest[1::2])
    around = [abs(x - cx) <= NEAR * w and abs(y - cy) <= NEAR * h for x, y in pairs if (x, y) != (0, 0)]
    return sum(around) * 2 >= len(around)
