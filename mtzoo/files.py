"""Files and folders that are there whole or not at all, and places that can be written."""

import ctypes
import errno
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mtzoo.errors import UserError
from mtzoo.locks import can_lock

_ENDING = ".part"
_PART_NAME = re.compile(rf"-\d+-[0-9a-f]{{8}}\{_ENDING}(\.\w+)?$")
_PROBE_BYTES = 4096
_own_parts: set[str] = set()
"""Temporary files that this process is writing."""


def cannot_write(path: Path, error: OSError, advice: str) -> UserError:
    """The one line for a failed write. advice: e.g. "choose another --out"."""
    first = {errno.ENOSPC: "free space or ", errno.EDQUOT: "free space or ", errno.EACCES: "check its permissions or ",
             errno.EPERM: "check its permissions or ", errno.EMFILE: "allow more open files or "}.get(error.errno, "")
    return UserError(f"{path}: cannot be written ({error.strerror or error}); {first}{advice}")


def temporary_name(path: Path) -> Path:
    """A hidden name beside `path` that no other process takes: of the host, the process and chance."""
    host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:24]
    return path.with_name(f"{_stem(path)}{host}-{os.getpid()}-{secrets.token_hex(4)}{_ENDING}")


def write_whole(path: Path, data: bytes | Iterable[bytes], advice: str, *, make_folder: bool = True) -> None:
    """Write `data` beside `path`, then rename, so that an interrupt or a full disk leaves what was there before.

    data: whole, or in pieces. A link stays one: the file it leads to is replaced. A device or pipe is written to directly.
    Raises UserError with `advice`, e.g. "choose another --out".
    """
    pieces = [data] if isinstance(data, bytes) else data
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if _is_stream(path):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as stream:
                stream.writelines(pieces)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        else:
            _replace(followed(path), pieces)
    except OSError as error:
        raise cannot_write(path, error, advice) from error


def _is_stream(path: Path) -> bool:
    """Whether it is a device, a pipe or an open file of the process, such as /dev/stdout: not to be replaced by a file."""
    if path.is_symlink() and os.readlink(path).startswith("/proc/") or os.path.realpath(path.parent).startswith("/proc/"):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def followed(path: Path) -> Path:
    """Where a link leads to; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    part = temporary_name(path)
    _own_parts.add(part.name)
    try:
        with open(part, "xb") as file:
            can_lock(file.fileno())  # tells other processes that the writer lives
            if not part.exists():  # one of them came between the two calls, and took it for a leftover
                return _replace(path, pieces)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            os.replace(part, path)
    finally:
        with suppress(OSError):  # gone after the rename; elsewhere it may never have come to be
            part.unlink()
        _own_parts.discard(part.name)


@contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """A hidden file beside `path`, with its ending, for a library that opens what it writes by itself; to be renamed when it is whole.

    At the end it is gone, if it was not renamed. Makes the folder; leftovers of killed processes are removed before. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    hidden = temporary_name(path)
    part = hidden.with_name(hidden.name + path.suffix)
    _own_parts.add(part.name)
    try:
        with open(part, "xb") as file:
            can_lock(file.fileno())  # tells other processes that the writer lives
            yield part
    finally:
        with suppress(OSError):
            part.unlink()
        _own_parts.discard(part.name)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` to write into; at the end it becomes `out`, after an error it is gone.

    What is in `out` by then is replaced: in one step where the system can exchange two folders. The caller holds `lock_output(out)`.
    Leftovers of killed processes are removed before. Raises OSError.
    """
    out = followed(out)
    remove_leftovers(out, locked=True)
    part = temporary_name(out)
    try:
        part.mkdir(parents=True)
        yield part
        _take_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _take_place(part: Path, out: Path) -> None:
    if not out.exists():
        os.rename(part, out)
    elif not _exchange(part, out):
        old = out.with_name(f".{out.name[:60]}.old")
        os.rename(out, old)
        try:
            os.rename(part, out)
        except OSError:
            os.rename(old, out)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step. False where the system or the file system cannot: Linux's renameat2 is not in `os`."""
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def remove_leftovers(path: Path, *, locked: bool = False) -> None:
    """Remove what killed processes left beside `path` while they wrote it; files of living ones stay.

    locked: this process holds `lock_output(path)`; then unfinished folders are nobody's, too, and a folder that was taken out of its
    place and not replaced goes back.
    """
    with suppress(OSError):  # a folder that is not there, or not ours, is the next write's affair
        old = path.with_name(f".{path.name[:60]}.old")
        if locked and old.is_dir():
            shutil.rmtree(old, ignore_errors=True) if path.exists() else os.rename(old, path)
        _remove_parts(path.parent, _stem(path), locked)


def remove_leftovers_in(folder: Path) -> None:
    """Remove the unfinished files that killed processes left in a folder and below, whatever they were to be called."""
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            _remove_parts(Path(place), ".", False)


def _remove_parts(folder: Path, beginning: str, locked: bool) -> None:
    for entry in list(os.scandir(folder)):
        if not (entry.name.startswith(beginning) and _PART_NAME.search(entry.name)) or entry.name in _own_parts:
            continue
        if entry.is_dir(follow_symlinks=False):
            if locked:
                shutil.rmtree(entry.path, ignore_errors=True)
        elif entry.is_file(follow_symlinks=False):
            _remove_if_dead(entry.path)


def _remove_if_dead(part: str) -> None:
    """Remove an unfinished file unless its writer lives: then it holds a lock."""
    with suppress(OSError), open(part, "r+b") as file:
        if can_lock(file.fileno()):
            os.unlink(part)


def _stem(path: Path) -> str:
    """How temporary names of `path` begin; short, for names that are as long as they may be."""
    return f".{path.name[:40]}."


def check_writable(path: Path, option: str, *, folder: bool = False) -> None:
    """Try whether `path` can be written, before the work begins; nothing is left behind. folder: it is to be a folder.

    Removes what a killed process left of the same file. Raises UserError naming the option, e.g. "--out".
    """
    advice = f"choose another {option}"
    try:
        if not folder and _is_stream(path):
            return  # trying would be writing
        if path.exists() and path.is_dir() != folder:
            raise UserError(f"{option} {path}: is a {'file' if folder else 'folder'}; {advice}")
        place = path if folder else followed(path).parent
        while not place.exists():
            if place.is_symlink():
                raise UserError(f"{option} {path}: {place} is a link to nothing; {advice}")
            place = place.parent
        _probe(place)
    except OSError as error:
        raise cannot_write(Path(f"{option} {path}"), error, advice) from error
    if not folder:
        remove_leftovers(path)


def _probe(folder: Path) -> None:
    probe = temporary_name(folder / "probe")
    try:
        with open(probe, "xb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        with suppress(OSError):
            probe.unlink()


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
