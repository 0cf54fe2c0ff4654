"""The folder that a recipe writes into: made, locked, and kept from overwriting what is there."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.console import note
from mtzoo.errors import UserError
from mtzoo.files import cannot_write, check_writable, remove_leftovers_in
from mtzoo.locks import LOCK, Lock, lock_folder

if TYPE_CHECKING:  # whoever only uses a model needs no config
    from mtzoo.config import ExperimentConfig

UNFINISHED = ".mtzoo-unfinished"
"""What a run that was interrupted leaves of its results in the output folder."""


def check_new_folder(out: Path, option: str = "--out", may_hold: Collection[str] = (), records: Collection[str] = ()) -> None:
    """Raises UserError if the option's folder is there already and holds anything but files called as in `may_hold`.

    records: with one of these --resume continues; the error says so where it is there."""
    if out.exists() and (not out.is_dir() or any(path.name not in (*may_hold, LOCK, UNFINISHED) for path in out.iterdir())):
        resume = "add --resume to continue the run in it, or " if _holds(out, records) else ""
        raise UserError(f"{option} {out}: exists already and is not empty; {resume}name a new folder, nothing is overwritten")


@contextmanager
def new_folder(out: Path, option: str, may_hold: Collection[str] = ()) -> Iterator[Path]:
    """`claim_folder`, and a hidden folder inside to write into. At the end of the block its files get their places in `out`.

    After an error or an interrupt, it stays until the next run in `out`: the same command can be run again. Only the first of several
    processes moves files. Raises UserError, in addition, if a file of the same name has come into `out` meanwhile.
    """
    lock = claim_folder(out, option, may_hold)
    place = out / UNFINISHED
    if lock is not None:
        shutil.rmtree(place, ignore_errors=True)
    yield place
    if lock is None or not place.is_dir():
        return
    results = sorted(place.iterdir())
    for path in results:
        if (out / path.name).exists():
            raise UserError(f"{out / path.name}: has come to be during the run, and is not overwritten; the results are in {place}")
    try:
        for path in results:
            path.rename(out / path.name)
        place.rmdir()
    except OSError as error:
        raise cannot_write(out, error, f"choose another {option}") from error


def claim_folder(folder: Path, option: str, may_hold: Collection[str] | None = (), records: Collection[str] = ()) -> Lock | None:
    """Make a verb's folder and keep other processes out of it, as long as the lock that it returns is kept. A folder that was made
    goes again if the verb writes nothing, for a mistake of the user's.

    may_hold: names of files that it may hold already, None for any; records: see `check_new_folder`. Of several processes of one
    training the first has the lock. Raises UserError if it holds other files, if another process has it, or if it cannot be written.
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
        check_new_folder(folder, option, may_hold, records)
    return lock


def note_new_run(out: Path, records: Collection[str]) -> None:
    """Tell, for --resume, that the run starts anew where `out` holds none of the records that it would continue."""
    if not _holds(out, records):
        note(f"--resume: {out} holds no run to continue, it starts anew")


def _holds(out: Path, records: Collection[str]) -> bool:
    return any((out / name).exists() for name in records)


def default_folder(config: "ExperimentConfig", *parts: str) -> Path:
    """work_dirs/<config>[-<part>]..."""
    return Path("work_dirs") / "-".join(part for part in (config.name.replace("/", "-"), *parts) if part)
