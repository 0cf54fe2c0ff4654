"""Files that are there whole or not at all."""

import os
import stat
from contextlib import suppress
from pathlib import Path

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


def read_whole(path: Path, what: str, limit: int, advice: str) -> bytes:
    """The content of a file that somebody else may have written. what: e.g. "annotation file".

    Raises UserError with `advice` when it is missing, a folder or a device, not readable, or larger than `limit` bytes.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise UserError(f"{path}: a folder, pipe or device, no {what}; {advice}")
        if status.st_size > limit:
            raise UserError(f"{path}: {status.st_size:,} bytes; {limit:,} are the most that is read of one {what}: make it smaller")
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such {what}; {advice}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its permissions, or {advice}") from None
