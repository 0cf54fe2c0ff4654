"""Which file names the classes of a YOLO set: one that belongs to its label files. Another labelling's classes have other ids."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from mtzoo.data.convert.layout import read_names, read_text
from mtzoo.data.convert.listing import Listing, nearest_above, within
from mtzoo.errors import UserError
from mtzoo.plain_yaml import YAML_SUFFIXES, parse_yaml

LAYOUT = "data.yaml (path, train, val, names), or classes.txt with images/ and labels/"
NAME_LISTS = ("classes.txt", "obj.names")


def yolo_yamls(src: Path, labels: Path | None = None) -> list[Path]:
    """The YAML that describes a set: in `src`; else those further below that name classes.

    labels: the folder of the label files, if the user names it: then the YAML in it or above it that is nearest, and names classes.
    """
    if labels is not None:
        named = _naming_yamls(src)
        files = [src / path for path in within(Listing(src).of(".txt"), labels, src)]
        return nearest_above(named, files)
    found = sorted(path for suffix in YAML_SUFFIXES for path in src.glob(f"*{suffix}"))
    return found or _naming_yamls(src)


def list_names(path: Path) -> tuple[str, ...]:
    """Class names by id, "" for one that has none. Raises UserError for a file of none."""
    names = tuple(read_names(path))
    if not any(names):
        raise UserError(f"{path}: no class name in it; write one a line")
    return names


def names_beside(src: Path, labels: Collection[Path]) -> tuple[str, ...]:
    """Class names of a list in a folder of the label files, or above. Raises UserError if there is none, or there are several that
    differ."""
    lists = _lists(src)
    own = nearest_above(lists, labels)
    found = {path: list_names(path) for path in own}
    if len(set(found.values())) > 1:
        raise UserError(f"{src}: {' and '.join(map(str, own))} name different classes; name one of them: --annotations FILE")
    if not found:
        raise UserError(foreign_names(src, [*_naming_yamls(src), *lists], labels))
    return found[own[0]]


def names_classes(src: Path) -> bool:
    """Whether any file of a folder names classes."""
    return bool(_lists(src) or _naming_yamls(src))


def check_named(src: Path) -> None:
    """Raises UserError for a folder without any file that names classes."""
    if names_classes(src):
        return
    above = src.absolute().parent / "data.yaml"
    hint = f"; {above} lies above it: --data {above} reads its whole set" if above.is_file() else ""
    raise UserError(f"{src}: no class names; --data must contain {LAYOUT}{hint}")


def foreign_names(src: Path, files: Sequence[Path], labels: Iterable[Path]) -> str:
    """What to say of files that name classes, but lie beside other label files or none."""
    folder = min((label.parent for label in labels), default=src).relative_to(src).as_posix()
    names = ", ".join(path.relative_to(src).as_posix() for path in files)
    return (f"{src}: no data.yaml or classes.txt lies in {folder} or above it, so the classes of these label files have no names; if "
            f"they are those of {names}, say so: --annotations {files[0]}; else put a data.yaml with their `names` there")


def _lists(src: Path) -> list[Path]:
    return [src / path for path in Listing(src).of(".txt", ".names") if path.name in NAME_LISTS]


def _naming_yamls(src: Path) -> list[Path]:
    yamls = [src / path for path in Listing(src).of(*YAML_SUFFIXES)]
    return [path for path in yamls if isinstance(content := parse_yaml(read_text(path), path), Mapping) and "names" in content]
