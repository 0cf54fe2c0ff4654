"""A model from a zoo to this machine: its files whole, and the very bytes that the catalogue names."""

from collections.abc import Callable
from pathlib import Path

from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.hub.catalogue import FILE, MAX_BYTES, FileEntry, check_name, read_catalogue
from mtzoo.hub.source import Source


def pull(source: Source, name: str, folder: Path, on_file: Callable[[str, int], None] = lambda *_: None) -> list[Path]:
    """Bring the files of a model into `folder`; what is there already and right is left. on_file: told each name and its bytes.

    Nothing is written before all of them are here. Raises UserError for a model that the zoo does not have, a file that is not
    what its catalogue says, and a folder that cannot be written.
    """
    check_name(name)
    catalogue = read_catalogue(source.read(FILE, MAX_BYTES), f"{source.name}/{FILE}")
    try:
        wanted = catalogue.files(name)
    except UserError as error:
        raise UserError(f"{source.name}: {error}") from error
    found: dict[Path, bytes] = {}
    for suffix, entry in wanted.items():
        path = folder / f"{name}{suffix}"
        if _is_there(path, entry):
            continue
        data = source.read(path.name, entry.bytes)
        if FileEntry.of(data) != entry:
            raise UserError(f"{source.name}: {path.name} is not the file that {FILE} names (sha256 {entry.sha256[:12]}...); "
                            "nothing was kept")
        found[path] = data
        on_file(path.name, len(data))
    for path, data in found.items():
        write_whole(path, data, "set MTZOO_ZOO to another folder")
    return [folder / f"{name}{suffix}" for suffix in wanted]


def _is_there(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and path.stat().st_size == entry.bytes and FileEntry.of(path.read_bytes()) == entry
