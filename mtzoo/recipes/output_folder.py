"""The folder that a recipe writes into: made, locked, and kept from overwriting what is there."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.errors import UserError
from mtzoo.files import cannot_write, check_writable, remove_leftovers_in
from mtzoo.locks import LOCK, Lock, lock_folder

if TYPE_CHECKING:  # whoever only uses a model needs no config
    from mtzoo.config import ExperimentConfig


def check_new_folder(out: Path, option: str = "--out", may_hold: Collection[str] = ()) -> None:
    """Raises UserError if the option's folder is there already and holds anything but files called as in `may_hold`."""
    if out.exists() and (not out.is_dir() or any(path.name not in (*may_hold, LOCK) for path in out.iterdir())):
        raise UserError(f"{option} {out}: exists already and is not empty; name a new folder, nothing is overwritten")


def claim_folder(folder: Path, option: str, may_hold: Collection[str] | None = ()) -> Lock | None:
    """Make a verb's folder and keep other processes out of it, as long as the lock that it returns is kept. A folder that was made
    goes again if the verb writes nothing, for a mistake of the user's.

    may_hold: names of files that it may hold already, None for any. Of several processes of one training the first has the lock.
    Raises UserError if it holds other files, if another process has it, or if it cannot be written.
    """
    if int(os.environ.get("RANK", 0)) > 0:
        return None
    advice = f"choose another {option}"
    check_writable(folder, option, folder=True)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error, advice) from error
    lock = lock_folder(folder, advice, made)
    remove_leftovers_in(folder)
    if may_hold is not None:
        check_new_folder(folder, option, may_hold)
    return lock


def default_folder(config: "ExperimentConfig", *parts: str) -> Path:
    """work_dirs/<config>[-<part>]..."""
    return Path("work_dirs") / "-".join(part for part in (config.name.replace("/", "-"), *parts) if part)
