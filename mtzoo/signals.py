"""What Ctrl-C (SIGINT) and SIGTERM do: in a process of ours, in its training loop, and in its workers."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)
_WATCH_SECONDS = 1.0
_AGAIN_SECONDS = 0.01


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. The message is what to tell: where it can be gone on from, if anywhere."""

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(message or {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}.get(number, f"signal {number}"))
        self.number = number

    @property
    def status(self) -> int:
        """The exit status, as a shell gives it: 130 or 143."""
        return 128 + self.number


@dataclass
class Stop:
    """Whether the work is to stop at the next good place. notice: told when it is asked to; number: the signal that did, or 0."""

    notice: str
    number: int = 0


_listener: Stop | None = None
_deferred: list[int] | None = None


@contextmanager
def handled() -> Iterator[None]:
    """Both signals raise `Interrupted` inside, or tell `listening` work. Signals that the caller has chosen to ignore stay so.

    A signal that comes while Python runs a finalizer, which swallows exceptions, is raised again behind it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, hook = {number: signal.getsignal(number) for number in STOPPING}, sys.unraisablehook
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _on_signal)
    sys.unraisablehook = lambda lost: _send_again(lost.exc_value.number) if isinstance(lost.exc_value, Interrupted) else hook(lost)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def listening(notice: str = "") -> Iterator[Stop]:
    """Inside, the first signal is kept for the work to ask for, and `notice` is told; the second one ends it at once."""
    global _listener
    before, _listener = _listener, Stop(notice)
    try:
        yield _listener
    finally:
        _listener = before


@contextmanager
def deferred() -> Iterator[None]:
    """Signals inside do what they do when the block ends: for what a library must not leave half done."""
    global _deferred
    if threading.current_thread() is not threading.main_thread():  # signals interrupt the main thread alone
        yield
        return
    before, _deferred = _deferred, []
    try:
        yield
    finally:
        numbers, _deferred = _deferred, before
        for number in numbers:
            _on_signal(number, None)


@contextmanager
def fatal() -> Iterator[None]:
    """Both signals end the process at once inside: for waiting in a library that would not hear of them. `listening` work goes on."""
    if threading.current_thread() is not threading.main_thread() or _listener is not None:
        yield
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _deferred is not None:
        _deferred.append(number)
        return
    if _listener is not None and not _listener.number:
        _listener.number = number
        if _listener.notice:
            os.write(2, f"{_listener.notice}\n".encode())  # print could be in the middle of a line
        return
    signal.signal(number, signal.SIG_DFL)  # whoever asks a third time means it
    raise Interrupted(number)


def _send_again(number: int) -> None:
    signal.signal(number, _on_signal)
    again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def end_with_parent(parent: int) -> None:
    """In a worker process: it ends when its parent is gone, whatever killed it, or asks it to.

    Signals that somebody else sends, to a whole group of processes, are the parent's affair: it may still need its workers. So is
    the end of a connection to it: multiprocessing's thread that hands tensors over would print a traceback of that.
    """
    hook = sys.excepthook
    sys.excepthook = lambda kind, error, trace: None if issubclass(kind, (EOFError, ConnectionError)) else hook(kind, error, trace)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigtimedwait"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        if not hasattr(signal, "sigtimedwait"):  # macOS
            time.sleep(_WATCH_SECONDS)
        elif (sent := signal.sigtimedwait({signal.SIGTERM}, _WATCH_SECONDS)) is not None and sent.si_pid == parent:
            break
    os._exit(0)
