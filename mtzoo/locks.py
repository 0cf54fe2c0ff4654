"""Locks on work dirs and outputs: the second run of two is refused, and told who holds the place.

POSIX record locks (`man 2 fcntl`): the kernel drops them when their process ends, however it ends, forked workers do not inherit
them, and they hold between containers. The lock is the truth; the text in the lock file only says whose it is. One process takes the
same lock as often as it likes, so these locks say nothing about its threads.
"""

import errno
import os
import shlex
import socket
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

from mtzoo.console import note
from mtzoo.errors import UserError, one_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = ".lock"
_TEXT_BYTES = 500
_HELD_ELSEWHERE = (errno.EACCES, errno.EAGAIN)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Of file systems without record locks, such as some network mounts."""


class Lock:
    """A lock that this process holds: until `release`, until nobody refers to it any more, or until the process ends."""

    def __init__(self, path: Path, descriptor: int, made_folder: bool = False) -> None:
        self.path, self.descriptor, self.pid = path, descriptor, os.getpid()
        self.release = weakref.finalize(self, _release, path, descriptor, self.pid, made_folder)

    def holds(self) -> bool:
        """Whether it is this process's: False in a forked one, and when somebody has deleted the lock file."""
        return self.release.alive and self.pid == os.getpid() and _is_file(self.path, self.descriptor)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


_held: "weakref.WeakValueDictionary[Path, Lock]" = weakref.WeakValueDictionary()


def lock_folder(folder: Path, advice: str, made: bool = False) -> Lock:
    """Lock a folder that this process is going to write into; it has to be there. The lock file lies in it.

    made: the folder was made for this, and goes with the lock if nothing was written into it.
    Raises UserError with `advice`, e.g. "choose another --out", when another process holds it.
    """
    return _hold(folder / LOCK, folder, advice, None, made)


def lock_output(path: Path, advice: str, on_wait: Callable[[str], None] | None = None) -> Lock:
    """Lock a file or folder that is going to appear as a whole. The lock file lies beside it, in a folder that is made if need be.

    on_wait: called with who holds the lock, then this process waits for it; without, that is a UserError with `advice`.
    """
    place = Path(os.path.realpath(path))
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
    return _hold(place.with_name(f".{place.name[:60]}{LOCK}"), path, advice, on_wait)


def can_lock(descriptor: int) -> bool:
    """Lock an open file if nobody holds it. False, too, where the file system has no locks: then nobody knows."""
    try:
        return _try_lock(descriptor)
    except OSError:
        return False


def _hold(path: Path, what: Path, advice: str, on_wait: Callable[[str], None] | None, made_folder: bool = False) -> Lock:
    try:
        key = Path(os.path.realpath(path.parent)) / path.name
        own = _held.get(key)
        if own is not None and own.holds():
            return own  # closing a second descriptor of the file would drop the lock
        lock = _held[key] = Lock(key, _acquire(path, what, advice, on_wait), made_folder)
        return lock
    except OSError as error:
        raise UserError(f"{what}: cannot be locked, {path.name} cannot be written ({error.strerror}); {advice}") from error


def _acquire(path: Path, what: Path, advice: str, on_wait: Callable[[str], None] | None) -> int:
    """The descriptor of the locked file."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _lock_or_wait(descriptor, on_wait):
                raise UserError(f"{what}: in use by {_holder(descriptor)}; wait for its end, stop it, or {advice}")
            if _is_file(path, descriptor):  # else its holder has removed it while we waited
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _own_text().encode(errors="replace")[:_TEXT_BYTES], 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_or_wait(descriptor: int, on_wait: Callable[[str], None] | None) -> bool:
    try:
        if _try_lock(descriptor):
            return True
        if on_wait is None:
            return False
        on_wait(_holder(descriptor))
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        note("note: this file system has no locks; start no second run in the same place")
    return True


def _try_lock(descriptor: int) -> bool:
    """Raises OSError where the file system has no locks."""
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no locks on this system")
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            return False
        raise
    return True


def _release(path: Path, descriptor: int, pid: int, made_folder: bool) -> None:
    if os.getpid() != pid:  # a forked worker: not its lock
        return
    try:
        if _is_file(path, descriptor):
            path.unlink()  # before the lock goes: afterwards it might be another's
            if made_folder:
                path.parent.rmdir()  # fails if anything was written into it
    except OSError:  # such as a read-only disk by now; the next run takes the file over
        pass
    os.close(descriptor)


def _is_file(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that is called `path`."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _holder(descriptor: int) -> str:
    text = one_line(os.pread(descriptor, _TEXT_BYTES, 0).decode(errors="replace").strip())
    return text or "another process"


def _own_text() -> str:
    program = Path(sys.argv[0]).name if sys.argv else ""
    command = shlex.join(["mtzoo" if program == "__main__.py" else program, *sys.argv[1:]])
    shortened = command if len(command) <= 200 else f"{command[:200]}..."
    return f"process {os.getpid()} on {socket.gethostname()} ({shortened}) since {datetime.now():%Y-%m-%d %H:%M:%S}\n"
