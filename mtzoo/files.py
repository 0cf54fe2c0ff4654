"""Files that are there whole or not at all."""

import os
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
