"""A model into a zoo's folder, which a web server or a repository can then offer as it stands."""

from collections.abc import Mapping
from pathlib import Path

from mtzoo.errors import UserError
from mtzoo.files import read_whole, write_whole
from mtzoo.hub.catalogue import (
    FILE,
    MAX_BYTES,
    MAX_FILE_BYTES,
    SUFFIXES,
    Catalogue,
    FileEntry,
    check_name,
    read_catalogue,
)
from mtzoo.locks import lock_output

ADVICE = "choose another --to"


def push(folder: Path, name: str, files: Mapping[str, Path]) -> Catalogue:
    """Copy files of a model, ending -> file, into `folder` and enter them in its catalogue. Other files of the model stay.

    Raises UserError for a file that is not there or of another ending, and a folder that cannot be written.
    """
    check_name(name)
    if wrong := sorted(set(files) - set(SUFFIXES)):
        raise UserError(f"a file with the ending '{wrong[0]}' is not a part of a model ({', '.join(SUFFIXES)})")
    data = {suffix: read_whole(path, "file of a model", MAX_FILE_BYTES, "name another one") for suffix, path in files.items()}
    with lock_output(folder, ADVICE):
        held = folder / FILE
        catalogue = read_catalogue(read_whole(held, "catalogue", MAX_BYTES, ADVICE), str(held)) if held.exists() else Catalogue()
        entries = {suffix: FileEntry.of(content) for suffix, content in data.items()}
        models = {**catalogue.models, name: {**catalogue.models.get(name, {}), **entries}}
        for suffix, content in data.items():
            write_whole(folder / f"{name}{suffix}", content, ADVICE)
        catalogue = Catalogue(models=models)
        write_whole(held, catalogue.written(), ADVICE)
    return catalogue
