"""Other processes for tests of locks and leftovers."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def other_process(work: Callable[[], object]) -> Iterator[int]:
    """Fork a process that does `work`, keeps what that gave, and sleeps; yields its PID when the work is done, then kills it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = work()
            os.write(write, b"1" if kept is not False else b"0")
            signal.pause()
        finally:
            os._exit(1)
    os.close(write)
    try:
        assert os.read(read, 1) == b"1", "the other process has failed"
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
