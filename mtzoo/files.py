"""Files that are there whole or not at all, and names of files that others wrote down."""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

from mtzoo.errors import UserError


def write_whole(path: Path, data: bytes, advice: str) -> None:
    """Write `data` beside `path`, then rename, so that an interrupt or a full disk leaves what was there before.

    Makes the folder. Raises UserError with `advice`, e.g. "choose another --out".
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); free space or {advice}") from error
    finally:
        with suppress(OSError):  # gone after the rename; elsewhere it may never have come to be
            part.unlink()


def safe_relative(text: str) -> PurePosixPath | None:
    """A path that a file of others names, as one below whatever root; None if it would leave the root or names nothing.

    Backslashes count as slashes: files written on Windows have them.
    """
    path = PurePosixPath(text.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in text:
        return None
    return path
