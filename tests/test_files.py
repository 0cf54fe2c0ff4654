import os
import re
import subprocess
import sys

import pytest

from mtzoo import files
from mtzoo.errors import UserError
from mtzoo.files import check_writable, read_whole, remove_leftovers_in, temporary_name, whole_folder, write_whole
from mtzoo.locks import can_lock
from tests.processes import other_process


def test_a_file_is_written_with_its_folder(tmp_path):
    write_whole(tmp_path / "a" / "b.json", b"1", "")
    write_whole(tmp_path / "a" / "b.json", b"22", "")
    assert (tmp_path / "a" / "b.json").read_bytes() == b"22"
    assert os.listdir(tmp_path / "a") == ["b.json"]
    with pytest.raises(UserError, match="No such file or directory"):
        write_whole(tmp_path / "c" / "b.json", b"1", "", make_folder=False)


@pytest.mark.parametrize(("number", "reason", "advice"), [(28, "No space left on device", "free space or wait"),
                                                    (30, "Read-only file system", "wait")])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, number, reason, advice):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(number, reason)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=rf"a.json: cannot be written \({reason}\); {advice}"):
        write_whole(path, b"new", "wait")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        write_whole(tmp_path / "out" / "a.json", b"", "choose another --out")


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "latest.json").symlink_to("there/a.json")
    write_whole(tmp_path / "latest.json", b"1", "")
    assert (tmp_path / "latest.json").is_symlink()
    assert (tmp_path / "there" / "a.json").read_bytes() == b"1"


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    code = "from pathlib import Path; from mtzoo.files import write_whole; write_whole(Path('/dev/stdout'), b'here', '')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"here"
    with open(tmp_path / "log", "wb") as log:
        log.write(b"before ")
        log.flush()
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_bytes() == b"before here"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe, "--json")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"here", "")
    assert os.read(reader, 9) == b"here"
    os.close(reader)
    assert pipe.is_fifo()


def test_no_two_writers_share_a_temporary_name(tmp_path):
    names = {temporary_name(tmp_path / "a.pt").name for _ in range(9)}
    assert len(names) == 9
    assert all(re.fullmatch(rf"\.a\.pt\.[\w-]+-{os.getpid()}-[0-9a-f]{{8}}\.part", name) for name in names)
    longest = tmp_path / ("ä" * 120 + ".json")
    write_whole(longest, b"1", "")
    assert longest.read_bytes() == b"1"


def unfinished(path):
    """What a writer has open that is not through."""
    part = temporary_name(path)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT)
    assert can_lock(descriptor)


def test_unfinished_files_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    path = tmp_path / "a.json"
    with other_process(lambda: unfinished(path)):
        part, = os.listdir(tmp_path)
        check_writable(path, "--json")
        remove_leftovers_in(tmp_path)
        assert os.listdir(tmp_path) == [part]
    (tmp_path / ".b.json.host-1-00000000.part").write_bytes(b"")
    check_writable(path, "--json")
    assert os.listdir(tmp_path) == [".b.json.host-1-00000000.part"]
    remove_leftovers_in(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_writer_that_was_taken_for_dead_writes_again(tmp_path, monkeypatch):
    """Another process looks for leftovers just between the making of the file and its locking."""
    calls = []

    def removed_first(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            os.unlink(next(tmp_path.iterdir()))
        return True

    monkeypatch.setattr(files, "can_lock", removed_first)
    write_whole(tmp_path / "a.json", b"1", "")
    assert len(calls) == 2
    assert (tmp_path / "a.json").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["a.json"]


def fill(out, text):
    with whole_folder(out) as part:
        (part / "file").write_text(text)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_as_a_whole(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    out = tmp_path / "out"
    fill(out, "1")
    fill(out, "2")
    assert (out / "file").read_text() == "2"
    with pytest.raises(TypeError):
        fill(out, 3)  # no text
    assert (out / "file").read_text() == "2"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.skipif(sys.platform != "linux", reason="two folders are exchanged in one step on Linux only")
def test_two_folders_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert files._exchange(tmp_path / "a", tmp_path / "b")
    assert os.listdir(tmp_path / "a") == ["b"]
    assert not files._exchange(tmp_path / "a", tmp_path / "c")


def test_what_a_killed_process_left_of_a_folder_goes(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / ".out.host-1-00000000.part").mkdir()
    (tmp_path / ".out.host-1-00000000.part" / "x").touch()
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".other.host-1-00000000.part").mkdir()
    fill(out, "1")
    assert sorted(os.listdir(tmp_path)) == [".other.host-1-00000000.part", "out"]


def test_a_folder_that_was_taken_out_of_its_place_goes_back(tmp_path):
    out = tmp_path / "out"
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "file").write_text("old")
    files.remove_leftovers(out, locked=True)
    assert (out / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_a_place_is_tried_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "a" / "b" / "c.json", "--json")
    check_writable(tmp_path / "file", "--json")
    check_writable(tmp_path / "a", "--out", folder=True)
    check_writable(tmp_path, "--out", folder=True)
    assert os.listdir(tmp_path) == ["file"]
    for path, folder, words in ((tmp_path, False, f"--x {tmp_path}: is a folder; choose another --x"),
                                (tmp_path / "file", True, "file: is a file; choose another --x"),
                                (tmp_path / "file" / "a", True, r"a: cannot be written \(Not a directory\); choose another --x"),
                                (tmp_path / ("a" * 300), True, "File name too long"),
                                (tmp_path / "file" / "a.json", False, "Not a directory")):
        with pytest.raises(UserError, match=words):
            check_writable(path, "--x", folder=folder)


@pytest.mark.parametrize(("place", "folder"), [("gone", True), ("loop", True), ("gone/a/b", True), ("gone/c.json", False)])
def test_a_folder_that_is_a_link_to_nothing_is_told(tmp_path, place, folder):
    """As where a disk is not mounted: the folder cannot be made in the link's place."""
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere" / "x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=f"^--x {tmp_path / place}: .*(gone|loop) is a link to nothing; choose another --x$"):
        check_writable(tmp_path / place, "--x", folder=folder)


@pytest.mark.parametrize(("call", "number", "reason"),
                         [("fsync", 28, "No space left on device"), ("open", 30, "Read-only file system")])
def test_a_place_that_cannot_be_written_is_told_before(tmp_path, monkeypatch, call, number, reason):
    def fails(*_):
        raise OSError(number, reason)

    monkeypatch.setattr(*((os, "fsync", fails) if call == "fsync" else ("builtins.open", fails)))
    with pytest.raises(UserError, match=rf"--x .*c.json: cannot be written \({reason}\)"):
        check_writable(tmp_path / "a" / "c.json", "--x")
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_read_is_told_with_advice(tmp_path):
    (tmp_path / "a.json").write_bytes(b"12345")
    assert read_whole(tmp_path / "a.json", "list", 5, "fix") == b"12345"
    for path, limit, words in ((tmp_path / "a.json", 4, "a.json: 5 bytes; 4 are the most that is read of one list"),
                               (tmp_path / "b.json", 4, "b.json: no such list; fix"), (tmp_path, 4, "no list; fix"),
                               (tmp_path / "a.json" / "b", 4, r"cannot be read \(Not a directory\).*fix")):
        with pytest.raises(UserError, match=words):
            read_whole(path, "list", limit, "fix")
