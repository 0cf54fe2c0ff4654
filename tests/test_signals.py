import os
import signal
import sys
import time

import pytest

from mtzoo.signals import Interrupted, deferred, end_with_parent, fatal, handled, listening


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(1)  # cut short by the exception


@pytest.mark.parametrize(("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")])
def test_a_signal_is_an_exception_with_its_status(number, status, word):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=word) as caught, handled():
        send(number)
    assert caught.value.status == status
    assert isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(number) is before


def test_work_that_listens_goes_on_until_the_second_signal(capfd):
    with handled():
        with listening("stopping soon") as stop:
            assert not stop.number
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.number == signal.SIGTERM
            assert capfd.readouterr().err == "stopping soon\n"
            with pytest.raises(Interrupted):
                send(signal.SIGINT)
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)


def test_a_deferred_signal_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(Interrupted, match="terminated"), handled(), deferred():  # noqa: PT012  # it is to go on
        os.kill(os.getpid(), signal.SIGTERM)
        done.append(1)
    assert done


def test_a_deferred_signal_reaches_the_work_that_listens():
    with handled(), listening() as stop:
        with deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stop.number
        assert stop.number == signal.SIGTERM


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with handled():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def forked(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(3)
    return pid


def test_in_a_wait_that_hears_nothing_a_signal_is_fatal():
    def wait():
        with handled(), fatal():
            send(signal.SIGTERM)

    assert os.waitstatus_to_exitcode(os.waitpid(forked(wait), 0)[1]) == -signal.SIGTERM


def test_a_worker_outlives_signals_to_the_group_but_not_its_parent():
    """The parent forks a worker and ends it; signals of somebody else do nothing to it."""
    read, write = os.pipe()

    def work():
        end_with_parent(middle)
        os.write(write, b"%08d" % os.getpid())
        time.sleep(30)

    def parent():
        nonlocal middle
        middle = os.getpid()
        forked(work)
        signal.pause()

    middle = 0
    pid = forked(parent)
    worker = int(os.read(read, 8))
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker, number)
    time.sleep(0.3)
    os.kill(worker, 0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 5
    while exists(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not exists(worker)


def test_a_parent_may_end_its_worker():
    def work():
        end_with_parent(parent)
        os.write(write, b"1")
        time.sleep(30)

    parent, (read, write) = os.getpid(), os.pipe()
    pid = forked(work)
    os.read(read, 1)
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert time.monotonic() - begun < 3


def test_a_worker_is_silent_of_a_lost_connection_only(capfd):
    """multiprocessing's threads show what they meet by sys.excepthook."""
    def work():
        end_with_parent(parent)
        for error in (EOFError("a"), ConnectionResetError("b"), ValueError("c")):
            sys.excepthook(type(error), error, None)
        sys.stderr.flush()

    parent = os.getpid()
    os.waitpid(forked(work), 0)
    assert capfd.readouterr().err == "ValueError: c\n"


def exists(pid):
    """Not as a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_signal_in_a_finalizer_is_not_lost():
    class Finalized:
        def __del__(self):
            send(signal.SIGTERM)

    with pytest.raises(Interrupted, match="terminated"), handled():  # noqa: PT012  # the signal may come at either of both
        Finalized()
        time.sleep(2)
