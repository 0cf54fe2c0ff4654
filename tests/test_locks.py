import os
import signal
import threading
import time

import pytest

from mtzoo.errors import UserError
from mtzoo.locks import lock_folder, lock_output
from tests.processes import other_process


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path):
    words = rf"{tmp_path}: in use by process \d+ on .* since 20.*; wait for its end, stop it, or go"
    with other_process(lambda: lock_folder(tmp_path, "")) as pid, pytest.raises(UserError, match=words) as caught:
        lock_folder(tmp_path, "go away")
    assert f"process {pid} on" in str(caught.value)


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    with other_process(lambda: lock_folder(tmp_path, "")):
        pass
    assert (tmp_path / ".lock").exists()
    with lock_folder(tmp_path, ""):
        assert f"process {os.getpid()} " in os.popen(f"cat {tmp_path}/.lock").read()  # opened here, it would be lost


def test_a_released_lock_leaves_nothing(tmp_path):
    with lock_folder(tmp_path, "") as lock:
        assert lock.holds()
    assert not lock.holds()
    assert os.listdir(tmp_path) == []
    lock_folder(tmp_path, "")  # nobody refers to it any more
    with other_process(lambda: lock_folder(tmp_path, "")):
        pass


def test_the_same_process_takes_it_as_often_as_it_likes(tmp_path, monkeypatch):
    lock = lock_folder(tmp_path, "")
    monkeypatch.chdir(tmp_path.parent)
    assert lock_folder(tmp_path.parent / ".." / tmp_path.parent.name / tmp_path.name, "") is lock
    with other_process(lambda: refused(lambda: lock_folder(tmp_path, ""))):
        pass


def test_forked_workers_neither_hold_nor_release_it(tmp_path):
    lock = lock_folder(tmp_path, "")
    with other_process(lock.release):
        assert lock.holds()
        with other_process(lambda: refused(lambda: lock_folder(tmp_path, ""))):
            pass
        lock.release()
        with other_process(lambda: lock_folder(tmp_path, "")):  # while the worker lives
            pass


def test_a_deleted_lock_file_is_noticed(tmp_path):
    lock = lock_folder(tmp_path, "")
    (tmp_path / ".lock").unlink()
    assert not lock.holds()
    again = lock_folder(tmp_path, "")
    assert again is not lock
    lock.release()
    assert again.holds()


def test_a_lock_file_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match="cannot be locked"):
        lock_folder(tmp_path, "")
    assert (tmp_path / "precious").read_text() == "mine"


def test_an_output_can_be_waited_for(tmp_path):
    out, told = tmp_path / "out", []
    with other_process(lambda: lock_output(out, "")) as pid:
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        begun = time.perf_counter()
        with lock_output(out, "", on_wait=told.append) as lock:
            assert time.perf_counter() - begun > 0.2
            assert lock.holds()
    assert len(told) == 1
    assert f"process {pid} on" in told[0]
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_locked_is_one_line(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(UserError, match=r"b: cannot be locked, \.b\.lock cannot be written \(Not a directory\); go away"):
        lock_output(tmp_path / "a" / "b", "go away")
    with lock_output(tmp_path / "c" / "b", "go away") as lock:
        assert lock.holds()


def refused(work):
    try:
        work()
    except UserError:
        return True
    return False
